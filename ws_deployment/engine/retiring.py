"""A request to retire one cluster: a run of one step about it, under the id that its fleet had when it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ws_deployment.config.suggest import did_you_mean
from ws_deployment.config.v1 import ConfigV1, PipelineStep
from ws_deployment.engine.behind import exists
from ws_deployment.engine.deployment import ANY_ID, Request
from ws_deployment.engine.pipeline import configure
from ws_deployment.engine.survey import cluster_of
from ws_deployment.engine.traffic_view import MetaTraffic, onlooker, view
from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.fleet.resolve import resolve

STEP = "retire-cluster"
#: Whose registrar and options are taken where the pipeline does not retire.
_REGISTERS = "register-cluster"


def retirement(request: Request, name: str, told: Mapping[str, Any]) -> Request:
    """The request that retires the cluster `name` (short). `told` are parameters of the step, over the config's.

    Raises UsageError where there is no such cluster, RefusedError where it is none of this config.
    """
    config = request.config
    known = cluster_of(config, name)
    traffic = view(resolve(config, ANY_ID), onlooker(config, request.config_file, request.state.folder, name="retire"))
    if known is None or not _there(request, known[0], name, traffic):
        raise _not_ours(name, traffic)
    config = config.model_copy(update={"pipeline": (_step(config, name, told),)})
    cluster_id, cluster = known
    return replace(
        request, config=config, steps=configure(config), cluster_id=cluster_id, only=(cluster.prefix,), exclude=()
    )


def _there(request: Request, cluster_id: int, name: str, traffic: Sequence[MetaTraffic]) -> bool:
    """Whether it is registered, or there as far as can be known; one with `create: false` is refused later."""
    fleet = resolve(request.config, cluster_id)
    if not fleet.cluster(name).create or any(_at(each, name) for each in traffic):
        return True
    found = exists(
        fleet,
        fleet.cluster(name),
        onlooker(request.config, request.config_file, request.state.folder, name="retire"),
    )
    return found.there is not False or bool(found.folder)


def _not_ours(name: str, traffic: Sequence[MetaTraffic]) -> UsageError | RefusedError:
    if at := [each.meta for each in traffic if _at(each, name)]:
        return RefusedError(
            "retiring",
            on=name,
            why=f"it is registered at {', '.join(at)}, and no entry of this config makes a cluster of that name",
            remedy="Retire it with the config of its own fleet.",
        )
    registered = sorted({registration.name for each in traffic for registration in each.registrations})
    why = "; ".join(
        [
            f"no cluster of that name is registered at {', '.join(each.meta for each in traffic)}",
            *(f"{each.meta} can't be asked: {each.problem}" for each in traffic if each.problem),
        ]
    )
    return UsageError("retiring", on=name, why=why, remedy=did_you_mean(name, registered, what="registered"))


def _at(traffic: MetaTraffic, name: str) -> bool:
    return any(registration.name == name for registration in traffic.registrations)


def _step(config: ConfigV1, name: str, told: Mapping[str, Any]) -> PipelineStep:
    """The pipeline's own step that retires, else one that registers as it does; about this cluster alone."""
    own = next((entry for entry in config.pipeline if entry.step == STEP), None)
    registers = next((entry.parameters for entry in config.pipeline if entry.step == _REGISTERS), {})
    parameters = own.parameters if own else {key: registers[key] for key in ("via", "options") if key in registers}
    return PipelineStep.model_validate(
        {
            "step": STEP,
            "with": {**parameters, "clusters": [name], **told},
            **({"retries": own.retries} if own and own.retries else {}),
            **({"timeouts": own.timeouts} if own and own.timeouts else {}),
        }
    )

"""By what a config works at its meta clusters: the back-ends that its pipeline registers and moves traffic by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import plugins
from ws_deployment.interfaces import IStep, Scope


@dataclass(frozen=True)
class Backend:
    """A back-end by name, and its own parameters as the config has them."""

    via: str = "bridge"
    options: Mapping[str, Any] = field(default_factory=dict)


def router(config: ConfigV1) -> Backend:
    """What moves traffic: as the pipeline's shift says, else the bridge itself."""
    return next(_told(config, plugins.TRAFFIC_ROUTERS), Backend())


def registrar(config: ConfigV1) -> Backend | None:
    """What registers clusters: as the first step of the pipeline says that has one; None where none has."""
    return next(_told(config, plugins.REGISTRARS), None)


def _told(config: ConfigV1, group: str) -> Iterator[Backend]:
    """The back-ends of a group that steps name by their parameters `via` and `options`."""
    for entry in config.pipeline:
        kind = plugins.step(entry.step)
        if _moves_traffic(kind) is not (group == plugins.TRAFFIC_ROUTERS):
            continue
        parameters = kind.parameters_model.model_validate(entry.parameters)
        via = getattr(parameters, "via", None)
        if via in plugins.installed(group):
            yield Backend(str(via), getattr(parameters, "options", {}))


def _moves_traffic(kind: type[IStep[Any]]) -> bool:
    return kind.scope is Scope.META and kind.moves_traffic

"""The contract with a team's own program that registers clusters or moves traffic: one JSON object in, one out.

Every request has `version` (v1), `action`, `run`, `dryRun` and `meta` {name, region}; what an action adds is told by
its back-end. The program exits with 0 when it is done, 75 when another attempt may succeed, else with what failed on
its standard error. It may be called twice for the same thing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from ws_deployment.clients import command
from ws_deployment.interfaces import MetaCluster, Parameters, Registration, SecretReference, StepContext


class CommandParameters(Parameters):
    """Options of `via: command`."""

    command: tuple[str, ...] = Field(min_length=1, description="The program and its arguments.")
    environment: dict[str, str] = Field(default_factory=dict, description="Variables of the program.")
    secret_environment: dict[str, SecretReference] = Field(
        default_factory=dict, description="Variables of the program that are secret."
    )


class ListedRegistration(Parameters):
    """One cluster as the program lists it."""

    name: str
    score: int = Field(ge=0, le=100)
    available: bool
    max_score: int = 100
    url: str = ""
    governed: bool = True
    static: bool = False


_LIST = TypeAdapter(list[ListedRegistration])


def call(
    parameters: CommandParameters, context: StepContext, meta: MetaCluster, action: str, **more: Any
) -> dict[str, Any]:
    """Have the program do `action` and return its answer. It runs in the config's folder, until the task's deadline."""
    secrets = {name: context.secret(reference) for name, reference in parameters.secret_environment.items()}
    request = {
        "version": "v1",
        "action": action,
        "run": context.run_id,
        "dryRun": context.dry_run,
        "meta": {"name": meta.name, "region": meta.region},
        **more,
    }
    return command.call(
        parameters.command,
        request,
        folder=context.config_folder,
        env=parameters.environment | secrets,
        timeout=max(context.deadline - time.monotonic(), 1.0),
        log=context.output,
        cancelled=context.cancelled,
    )


def registrations(parameters: CommandParameters, context: StepContext, meta: MetaCluster) -> Sequence[Registration]:
    """The answer to `list`: {"registrations": [{name, score, available, maxScore, url, governed, static}]}.

    Raises CommandError for an answer that is not so.
    """
    answer = call(parameters, context, meta, "list")
    try:
        listed = _LIST.validate_python(answer.get("registrations"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("registrations", *first["loc"]))
        raise command.CommandError(
            "reading the answer of",
            on=parameters.command[0],
            why=f"{where}: {first['msg']}",
            remedy='Answer `list` with {"registrations": [{"name": …, "score": 0 to 100, "available": true}]}.',
        ) from error
    return [Registration(**each.model_dump()) for each in listed]

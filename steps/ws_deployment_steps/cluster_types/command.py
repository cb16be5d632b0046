"""The cluster type `command`: the team's own program makes, finds and removes clusters. JSON in, JSON out.

The contract stands in docs/cluster-type-command.md; how a program is called in clients/command.py.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from ws_deployment.errors import RefusedError, UsageError, WsDeploymentError
from ws_deployment.fleet.marks import FLEET, RUN
from ws_deployment.interfaces import IClusterType, NotYetError, Outputs, StepContext, Verdict
from ws_deployment_steps.cluster_types.kept import kubeconfig_path

Action = Literal["look", "create", "kubeconfig", "destroy"]

_API_VERSION = "ws-deployment.dev/v1"
#: Seconds before its end at which a kubeconfig is asked for anew.
_MARGIN = 300.0


class CommandCluster(IClusterType):
    """What the team's program says is a cluster."""

    summary: ClassVar[str] = "a cluster made by the team's own program"

    def check(self, context: StepContext) -> Verdict:
        """Ask whether there is one of that name, and whose."""
        if not context.cluster.command:
            return Verdict.refuse(
                f"{context.cluster.name} is of type command but names none", "Add `command: [PROGRAM, …]` to it."
            )
        try:
            found = _call(context, "look")
        except WsDeploymentError as error:
            return context.missing(str(error), "See what the program says; it must answer `look`.")
        if not found.get("exists"):
            return Verdict.proceed()
        if found.get("run") == context.run_id:
            return Verdict.proceed("this run has made it, or began to")
        return Verdict.refuse(
            f"there is a cluster {context.cluster.name} of run {found.get('run') or '(unknown)'}",
            "Take another --cluster-id, or remove that cluster.",
        )

    def create(self, context: StepContext) -> Outputs:
        """Have it made; the program goes on with what it began for the same run."""
        outputs = _call(context, "create").get("outputs", {})
        if not isinstance(outputs, dict):
            raise _malformed(context, "`outputs` is no object")
        return outputs

    def destroy(self, context: StepContext) -> None:
        """Have it removed; one that is gone is fine. Raises RefusedError for another run's."""
        found = _call(context, "look")
        if not found.get("exists"):
            return
        if found.get("run") != context.run_id:
            raise RefusedError(
                "removing",
                on=context.cluster.name,
                why=f"it is of run {found.get('run') or '(unknown)'}",
                remedy="It is removed by a rollback of that run alone.",
            )
        _call(context, "destroy")
        if _call(context, "look").get("exists"):
            raise WsDeploymentError("removing", on=context.cluster.name, why="its program says that it is still there")

    def remains(self, context: StepContext) -> Sequence[str]:
        """The cluster, while its program says that it is there."""
        return (f"the cluster {context.cluster.name}",) if _call(context, "look").get("exists") else ()

    def kubeconfig(self, context: StepContext) -> Path:
        """Its kubeconfig; asked for anew when it is about to age."""
        from ws_deployment.tools.files import read_json, write_json, write_private  # noqa: PLC0415  loaded when used

        target = kubeconfig_path(context)
        end = target.with_suffix(".end.json")
        if target.exists() and (read_json(end) or 0) - _MARGIN > time.time():
            return target
        answer = _call(context, "kubeconfig")
        text = answer.get("kubeconfig")
        if text is None:
            raise NotYetError("reaching", on=context.cluster.name, why="its program has no kubeconfig for it yet")
        if not isinstance(text, str):
            raise _malformed(context, "`kubeconfig` is no text")
        write_private(target, text)
        write_json(end, time.time() + float(answer.get("validSeconds", 0)))
        return target

    def url(self, context: StepContext) -> str | None:
        """What `create` answered as the output `url`, if anything."""
        url = context.outputs("create-cluster").get("url")
        return str(url) if url else None


def _call(context: StepContext, action: Action) -> dict[str, Any]:
    from ws_deployment.clients.command import call  # noqa: PLC0415  loaded when used

    cluster, fleet = context.cluster, context.fleet
    if not cluster.command:
        raise UsageError(action, on=cluster.name, why="it names no command", remedy="Add `command: [PROGRAM, …]`.")
    return call(
        cluster.command,
        {
            "apiVersion": _API_VERSION,
            "action": action,
            "cluster": {
                "name": cluster.name,
                "shortName": cluster.short_name,
                "region": cluster.region,
                "labels": {**cluster.labels, RUN: context.run_id, FLEET: fleet.name},
            },
            "project": fleet.project.id,
            "environment": fleet.environment,
            "fleet": fleet.name,
            "run": context.run_id,
        },
        folder=context.config_folder,
        timeout=max(context.deadline - time.monotonic(), 1.0),
        log=context.output,
        cancelled=context.cancelled,
    )


def _malformed(context: StepContext, why: str) -> WsDeploymentError:
    return WsDeploymentError(
        "reading the answer of",
        on=context.cluster.command[0],
        why=why,
        remedy="See docs/cluster-type-command.md for what it must be.",
    )

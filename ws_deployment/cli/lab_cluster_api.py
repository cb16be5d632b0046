"""`lab cluster-api`: plays Cluster API's controllers, so that upgrades can be seen to go on, get stuck, or fail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ws_deployment.cli.lab import cluster_by, say


def command(
    name: Annotated[str, typer.Argument(help="A cluster of the lab, or a meta cluster that has a Kubernetes API.")],
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", metavar="NAME", help="Of the clusters; default: all.")
    ] = None,
    pace: Annotated[float, typer.Option(min=0, help="Seconds until a machine is made anew.")] = 1.0,
) -> None:
    """Play Cluster API's controllers at a management cluster of the lab until Ctrl-C.

    The annotation ws-deployment.lab/upgrade of a Cluster orders how its upgrade goes: progress, stuck or failed.
    """
    from ws_deployment.cli.interruption import Interruption  # noqa: PLC0415  loaded when used
    from ws_deployment.clients.kube import Kube  # noqa: PLC0415  likewise
    from ws_deployment.lab.cluster_api import ClusterApi  # noqa: PLC0415  likewise

    # Of the lab alone: where the real controllers are, both would write the same status.
    controllers = ClusterApi(Kube(_kubeconfig(name)), namespace, pace=pace)
    with Interruption() as interruption:
        controllers.reconcile()  # says so where there are no such kinds
        say(f"playing Cluster API's controllers at {name}; Ctrl-C ends it")
        controllers.play(interruption.asked)


def _kubeconfig(name: str) -> Path:
    from ws_deployment.lab import meta_kubernetes  # noqa: PLC0415  loaded when used

    meta = meta_kubernetes.find(name)
    return meta.kubeconfig if meta else cluster_by(name).kubeconfig

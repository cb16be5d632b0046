"""Whether people work on a cluster or are sent to it: what is asked before one is taken out or removed.

Asked of the cluster itself: a meta cluster's own count misses prebuilds and workspaces that are stopping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ws_deployment.errors import CancelledError, RefusedError, WsDeploymentError
from ws_deployment.fleet.marks import RUN
from ws_deployment.interfaces import NotYetError, Registration, StepContext
from ws_deployment_steps.forcing import refused

#: Label of every Pod in which somebody works, and the label that says what it is.
WORKSPACE = {"component": "workspace"}
_KIND = "workspaceType"


def workspaces(context: StepContext) -> Counter[str]:
    """Pods of workspaces on the context's cluster by kind: regular, prebuild, imagebuild …, or stopping.

    Those that the run made itself, to test the cluster, don't count. Raises NotYetError where there is no cluster,
    KubeError or TransientKubeError where it does not answer.
    """
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy

    pods = connect(context.kubeconfig(), context.cluster.context).list("v1", "Pod", selector=WORKSPACE)
    of_users = [pod for pod in pods if is_workspace(pod, context.run_id)]
    return Counter("stopping" if "deletionTimestamp" in pod["metadata"] else kind(pod) for pod in of_users)


def is_workspace(pod: Mapping[str, Any], run_id: str) -> bool:
    """Whether somebody works in a workspace's Pod, who is not the run itself that tests a cluster."""
    return bool(pod["metadata"].get("labels", {}).get(RUN) != run_id)


def kind(pod: Mapping[str, Any]) -> str:
    """What a workspace's Pod is for: regular, prebuild, imagebuild and so on."""
    return str(pod["metadata"].get("labels", {}).get(_KIND, "unknown")).lower()


def refuse_workspaces(attempted: str, context: StepContext, forced: frozenset[str], *, begun: bool = False) -> None:
    """Refuse while anybody works on the context's cluster, whatever is forced.

    One that does not answer is refused as well, unless the part is in `forced` or its removal has `begun`: then
    nobody can be working on it. One that is not there is fine.
    """
    name = context.cluster.short_name
    part = f"workspaces/{name}"
    try:
        found = workspaces(context)
    except NotYetError:
        return
    except CancelledError:
        raise
    except WsDeploymentError as error:
        if begun or part in forced:
            return
        what = {part: f"who works on it is not known: {error.why}"}
        raise refused(attempted, name, what, first="Make it answer") from error
    if total := found.total():
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
        raise RefusedError(
            attempted,
            on=name,
            why=f"{total} workspace Pod{'s are' if total > 1 else ' is'} on it ({kinds})",
            remedy="Wait until they have stopped; they can't be moved, and nothing forces this.",
        )


def refuse_traffic(attempted: str, meta: str, there: Registration) -> None:
    """Refuse while a registration is open for starts: taken out, it could also be the last one that is."""
    if there.available:
        raise RefusedError(
            attempted,
            on=f"{there.name} at {meta}",
            why=f"it is available for starts (score {there.score})",
            remedy="Move its traffic away and cordon it first.",
        )


def refuse_registered(attempted: str, context: StepContext, url: str | None) -> None:
    """Refuse while the context's cluster is registered at a meta cluster, as far as that can be asked.

    Asked is all by which the pipeline registers or moves traffic. A back-end that knows no URLs tells it by its name.
    """
    cluster = context.cluster
    for governance in cluster.governed_by:
        try:
            listed = context.registered(context.fleet.meta(governance.meta))
        except NotYetError:
            continue
        for there in listed:
            if (url and there.url == url) or (there.name == cluster.short_name and not (url and there.url)):
                raise RefusedError(
                    attempted,
                    on=cluster.name,
                    why=f"it is registered at {governance.meta} as {there.name}"
                    f"{', and takes starts' if there.effective else ''}",
                    remedy="Deregister it there first.",
                )


def known_url(context: StepContext) -> str | None:
    """Where meta clusters reach the context's cluster; None where that is not known, as for one that is gone."""
    cluster = context.cluster
    try:
        return cluster.url or context.cluster_type(cluster.type).url(context)
    except NotYetError:
        return None

"""`ws-deployment lab`: real control planes on this machine, and the meta clusters that send users to them.

Results go to stdout, the story to stderr. `cluster` is what terraform/local calls; its start counts in every rollout,
so nothing is imported here before a command needs it.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ws_deployment.cli.lazy import Lazy, LazyGroup
from ws_deployment.errors import UsageError

if TYPE_CHECKING:
    from ws_deployment.lab.record import LabCluster

#: The meta cluster that the shipped configs for the lab name.
DEFAULT_META = "local-meta"


class LabCommands(LazyGroup):
    """The commands of the lab."""

    lazy = {  # noqa: RUF012  the annotation stands in LazyGroup
        "up": Lazy("ws_deployment.cli.lab:up", "Start meta clusters, and clusters that have stopped."),
        "down": Lazy("ws_deployment.cli.lab:down", "Remove every cluster and meta cluster of the lab."),
        "prune": Lazy("ws_deployment.cli.lab:prune", "Remove old clusters of a prefix that take no traffic."),
        "status": Lazy("ws_deployment.cli.lab:status", "Show what the lab runs and who takes traffic."),
        "kubeconfig": Lazy("ws_deployment.cli.lab:kubeconfig", "Print the path of a cluster's kubeconfig."),
        "load": Lazy("ws_deployment.cli.lab_load:command", "Start workspaces; show where they land."),
        "fault": Lazy("ws_deployment.cli.lab_fault:command", "Make a cluster or meta cluster sick, or heal it."),
        "cluster-api": Lazy("ws_deployment.cli.lab_cluster_api:command", "Play Cluster API's controllers."),
        "tools": Lazy("ws_deployment.cli.lab:tools", "Find or build the programs that the lab needs."),
        "cluster": Lazy("ws_deployment.cli.lab_cluster:app", "Create or delete one cluster, as terraform/local does."),
    }


app = typer.Typer(
    cls=LabCommands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Real control planes on this machine, without Docker.",
)


@app.callback()
def lab() -> None:
    """Real control planes on this machine, without Docker."""


def up(
    meta: Annotated[list[str] | None, typer.Option(help="A meta cluster to start; repeat for more.")] = None,
    api: Annotated[Literal["2021", "2026"], typer.Option(help="Generation of the bridge's protocol.")] = "2026",
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="Give each meta cluster a Kubernetes API too, for locks.")
    ] = False,
) -> None:
    """Start meta clusters, and clusters whose processes have ended (after a reboot)."""
    from ws_deployment.lab import meta_kubernetes  # noqa: PLC0415  only when called
    from ws_deployment.lab.cluster import is_running, list_clusters, restart_cluster  # noqa: PLC0415  only when called
    from ws_deployment.lab.faults import cluster_fault  # noqa: PLC0415  likewise
    from ws_deployment.lab.meta import ensure_meta  # noqa: PLC0415  likewise

    for name in meta or [DEFAULT_META]:
        print(ensure_meta(name, api, on_progress=say).endpoint)
        if kubernetes or meta_kubernetes.find(name):
            meta_kubernetes.ensure(name, on_progress=say)
    for cluster in list_clusters():
        if cluster_fault(cluster.folder).unreachable:
            say(f"{cluster.name}: stays unreachable until `ws-deployment lab fault {cluster.name} --clear`")
        elif not is_running(cluster):
            restart_cluster(cluster, on_progress=say)


def down() -> None:
    """Remove every cluster and meta cluster of the lab, with all that runs in them."""
    from ws_deployment.lab.everything import remove_everything  # noqa: PLC0415  only when called

    remove_everything(on_progress=say)


def prune(
    prefix: Annotated[str, typer.Argument(help="Prefix of the clusters, like eu.")],
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest stay.")] = 2,
) -> None:
    """Remove old clusters of a prefix, all but the newest; never one that takes traffic or has workspaces."""
    from ws_deployment.lab.instance import destroy  # noqa: PLC0415  only when called
    from ws_deployment.lab.retention import remove_surplus  # noqa: PLC0415  likewise

    for cluster in remove_surplus(prefix, keep=keep, destroy=destroy, on_progress=say):
        print(cluster.name)


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what the lab runs, and who takes traffic."""
    from ws_deployment.lab.everything import lab_status  # noqa: PLC0415  only when called

    found = lab_status()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    metas, clusters = found["metaClusters"], found["clusters"]
    heads: tuple[str, ...] = ("META CLUSTER", "STATE", "ENDPOINT", "API", "PROMETHEUS")
    print_table([heads, *map(_meta_row, metas)] if metas else [("no meta clusters",)])
    heads = ("CLUSTER", "STATE", "ENDPOINT", "TRAFFIC")
    print_table([heads, *map(_cluster_row, clusters)] if clusters else [("no clusters",)])
    if sick := [(each["name"], ", ".join(each["ails"])) for each in (*metas, *clusters) if each["ails"]]:
        print_table([("SICK", "FAULT"), *sick])


def kubeconfig(name: Annotated[str, typer.Argument(help="The cluster's name, or a part that only it has.")]) -> None:
    """Print the path of a cluster's kubeconfig: export KUBECONFIG=$(ws-deployment lab kubeconfig eu17)."""
    print(cluster_by(name).kubeconfig)


def tools(
    clean: Annotated[bool, typer.Option("--clean", help="Remove what building needed and running does not.")] = False,
) -> None:
    """Find the programs that the lab needs, build what is missing (minutes, once), and list them."""
    from ws_deployment.tools.catalogue import TOOLS  # noqa: PLC0415  only when called
    from ws_deployment.tools.provide import provide  # noqa: PLC0415  likewise

    found = provide(*TOOLS, on_progress=say)
    rows = [(tool.name, tool.version, tool.source, str(tool.path)) for tool in found.values()]
    print_table([("TOOL", "VERSION", "FROM", "PATH"), *rows])
    if clean:
        from ws_deployment.tools.build import clean_up  # noqa: PLC0415  rarely wanted

        clean_up(on_progress=say)


def say(line: str) -> None:
    """Tell a line of the story."""
    print(line, file=sys.stderr, flush=True)


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows in aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def cluster_by(name: str) -> LabCluster:
    """The cluster of that name, or the only one with it as a part. Raises UsageError where there is no such one."""
    from ws_deployment.lab.cluster import list_clusters  # noqa: PLC0415  only when called

    every = list_clusters()
    fitting = [cluster for cluster in every if cluster.name == name] or [c for c in every if name in c.name]
    if len(fitting) == 1:
        return fitting[0]
    raise UsageError(
        "looking for lab cluster",
        on=name,
        why="several fit" if fitting else "there is none",
        remedy="Lab clusters here: " + (", ".join(cluster.name for cluster in fitting or every) or "none") + ".",
    )


def _meta_row(meta: dict[str, Any]) -> tuple[str, ...]:
    prometheus = meta["prometheus"]
    where = "none" if prometheus is None else prometheus["url"] if prometheus["running"] else "stopped"
    return meta["name"], meta["state"], meta["endpoint"], meta["api"], where


def _cluster_row(cluster: dict[str, Any]) -> tuple[str, ...]:
    traffic = [
        f"{each['name']} at {each['meta']}: {'cordoned, ' if each['cordoned'] else ''}score {each['score']}"
        for each in cluster["registrations"]
    ]
    return cluster["name"], cluster["state"], cluster["endpoint"], "; ".join(traffic) or "not registered"

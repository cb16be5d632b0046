"""`ws-deployment lab cluster`: create or delete one lab cluster. Called by terraform/local."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ws_deployment.errors import UsageError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Create or delete one cluster of the lab.",
)

Name = Annotated[str, typer.Argument(help="Name of the cluster.")]


@app.command()
def create(
    name: Name,
    *,
    run_id: Annotated[str, typer.Option(help="The mark of the run that makes it.")] = "",
    fleet: Annotated[str, typer.Option(help="The fleet that it belongs to.")] = "",
    region: Annotated[str, typer.Option(help="Region that its nodes say they are in.")] = "",
    nodes: Annotated[int, typer.Option(min=1, max=100, help="Number of simulated nodes.")] = 3,
    label: Annotated[list[str] | None, typer.Option(help="KEY=VALUE to keep with it; repeat for more.")] = None,
) -> None:
    """Create a cluster, or go on with what an attempt of the same run has left; print its kubeconfig's path."""
    from ws_deployment.lab.cluster import create_cluster  # noqa: PLC0415  only when called

    labels = dict(map(_pair, label or []))
    cluster = create_cluster(
        name, run_id=run_id, fleet=fleet, labels=labels, region=region, nodes=nodes, on_progress=_say
    )
    print(cluster.kubeconfig)


@app.command()
def delete(
    name: Name,
    run_id: Annotated[str | None, typer.Option(help="Refuse unless the cluster is this run's.")] = None,
) -> None:
    """End a cluster's processes and remove all that is its own; nothing is done where there is none."""
    from ws_deployment.lab.cluster import delete_cluster  # noqa: PLC0415  only when called

    _say(f"{name}: {'removed' if delete_cluster(name, run_id=run_id) else 'there is none'}")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise UsageError(
            "reading --label", on=text, why="it is no KEY=VALUE", remedy="For example: --label team=platform"
        )
    return key, value


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""`lab fault`: makes a cluster or a meta cluster of the lab sick, so that it can be seen what a rollout does then."""

from __future__ import annotations

from typing import Annotated

import typer

from ws_deployment.cli.lab import say
from ws_deployment.errors import UsageError


def command(
    name: Annotated[str, typer.Argument(help="A cluster (its name, or as it is registered), or a meta cluster.")],
    start_failures: Annotated[
        float | None, typer.Option(min=0, max=1, help="Cluster: share of starts on it that fail.")
    ] = None,
    latency: Annotated[float | None, typer.Option(min=0, help="Cluster: seconds that starts take longer.")] = None,
    unreachable: Annotated[bool, typer.Option("--unreachable", help="Cluster: it answers nobody.")] = False,
    ignore_scores: Annotated[
        bool, typer.Option("--ignore-scores", help="Meta cluster: scores are kept, and not placed by.")
    ] = False,
    unavailable: Annotated[
        bool, typer.Option("--unavailable", help="Meta cluster: the bridge answers each call so.")
    ] = False,
    prometheus_down: Annotated[
        bool, typer.Option("--prometheus-down", help="Meta cluster: its Prometheus is killed.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Heal it.")] = False,
) -> None:
    """Make a cluster or a meta cluster of the lab sick until it is healed; without options tell how it is.

    What is ordered comes on top of what it has already.
    """
    from ws_deployment.lab.sickness import fault_of, find_patient, heal, make_sick  # noqa: PLC0415  only when called

    patient = find_patient(name)
    told = {
        "start_failures": start_failures,
        "latency": latency,
        "unreachable": unreachable or None,
        "ignore_scores": ignore_scores or None,
        "unavailable": unavailable or None,
        "prometheus_down": prometheus_down or None,
    }
    ordered = {fault: value for fault, value in told.items() if value is not None}
    if clear and ordered:
        raise UsageError("healing", on=name, why="--clear is given with a fault", remedy="Heal it first, then order.")
    if clear:
        heal(patient, on_progress=say)
    elif ordered:
        make_sick(patient, ordered)
    print(f"{patient.name}: {', '.join(fault_of(patient).words()) or 'healthy'}")

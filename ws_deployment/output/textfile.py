"""The run's outcome as a Prometheus textfile, as node-exporter's textfile collector reads it.

Written anew at the end of a run, by rename, so that a scrape never sees half of it. The time of the last success is
carried over from the file that a former run left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from ws_deployment import __version__
from ws_deployment.engine.events import Event
from ws_deployment.engine.outcome import Status
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output

#: How the process that writes the file can leave a run.
_STATUSES = (
    Status.DONE, Status.FAILED, Status.TURNED_BACK, Status.REFUSED, Status.CANCELLED, Status.INTERRUPTED,
    Status.WAITING,
)  # fmt: skip
_SUCCESS = "ws_deployment_run_last_success_timestamp_seconds"


class TextfileOutput(Output):
    """Writes the file `path`, whose name must end in `.prom` for the collector to read it."""

    name = "metrics textfile"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._finished = 0.0

    def take(self, event: Event, run: RunView) -> None:  # noqa: ARG002  it is read at the end
        """Remember when the last event was."""
        self._finished = event.at

    def close(self, run: RunView) -> Sequence[str]:
        """Write the file, unless no run came about."""
        if run.fleet:
            write_to_textfile(str(self._path), _registry(run, self._finished, _last_success(self._path, run.fleet)))
        return ()


def _registry(run: RunView, finished: float, last_success: float | None) -> CollectorRegistry:
    registry = CollectorRegistry()
    made: dict[str, Gauge] = {}

    def gauge(name: str, text: str, **labels: str) -> Gauge:
        """The gauge with these labels of its own, besides the fleet."""
        if name not in made:
            made[name] = Gauge(name, text, ("fleet", *labels), registry=registry)
        return made[name].labels(run.fleet, *labels.values())

    info = {"run": run.run, "environment": run.environment, "cluster_id": str(run.cluster_id), "version": __version__}
    info["kind"] = run.what
    gauge("ws_deployment_run_info", "The last run.", **info).set(1)
    # A run without an end of its own was ended by an error outside of its tasks.
    status = run.status if run.seconds is not None else Status.FAILED
    for each in _STATUSES:
        gauge("ws_deployment_run_status", "1 for the last run's status.", status=each).set(each is status)
    gauge("ws_deployment_run_duration_seconds", "How long the last run took.").set(run.elapsed(finished))
    gauge("ws_deployment_run_finished_timestamp_seconds", "When the last run ended.").set(finished)
    if status is Status.DONE and not run.undoes:
        last_success = finished
    if last_success is not None:
        gauge(_SUCCESS, "When a run last ended well.").set(last_success)
    for task in run.tasks.values():
        labels = {"target": task.target, "step": task.step, "status": str(task.status)}
        gauge("ws_deployment_task_duration_seconds", "How long each task took.", **labels).set(task.seconds or 0.0)
        attempts = {"target": task.target, "step": task.step}
        tries = task.attempt if task.started is not None else 0
        gauge("ws_deployment_task_attempts", "How many attempts each task took.", **attempts).set(tries)
    for meta, shares in run.traffic.items():
        for cluster, percent in shares.items():
            gauge("ws_deployment_traffic_ratio", "Share of starts at the end.", meta_cluster=meta, cluster=cluster).set(
                percent / 100
            )
    return registry


def _last_success(path: Path, fleet: str) -> float | None:
    """What the file of a former run says; None where there is none or it is of another fleet."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(rf'^{_SUCCESS}{{fleet="{re.escape(fleet)}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else None

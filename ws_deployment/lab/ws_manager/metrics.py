"""What a ws-manager exports of its workspaces, under today's real names, counted from what is told of their Pods."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ws_deployment.lab.ws_manager.generations import NEWER

_PREFIX = f"{NEWER}workspace"
_TYPES = {"regular": "Regular", "prebuild": "Prebuild", "imagebuild": "ImageBuild"}
#: The class of all of the lab's workspaces.
CLASS = "default"
#: Seconds: the real histogram's buckets.
BUCKETS = tuple(2.0**power for power in range(1, 11))
PHASES = ("Pending", "Creating", "Running", "Stopping", "Stopped", "Unknown")


@dataclass
class _Workspace:
    kind: str
    seen: float
    phase: str = "Pending"
    started: bool = False
    failed: bool = False


class WorkspaceMetrics(Collector):
    """Counts starts, failures, stops and phases; `observe` is told every event of the watch on Pods.

    A Pod that was there before the first event counts in the phases alone: its start was counted by another process.
    Whose workspaces they are is not told: the label `cluster` is the scraper's to give, as it is in the real system.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._workspaces: dict[str, _Workspace] = {}
        # The real exporters have no such series.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self.registry = CollectorRegistry()
        labels = ("type", "class")
        self._starts = Counter(f"{_PREFIX}_starts", "Workspaces started.", labels, registry=self.registry)
        self._failures = Counter(f"{_PREFIX}_starts_failure", "Starts that failed.", labels, registry=self.registry)
        stops = ("reason", "type", "class")
        self._stops = Counter(f"{_PREFIX}_stops", "Workspaces stopped.", stops, registry=self.registry)
        self._startup = Histogram(
            f"{_PREFIX}_startup_seconds", "Time from start to ready.", labels, buckets=BUCKETS, registry=self.registry
        )
        self.registry.register(self)

    def observe(self, kind: str, pod: Mapping[str, Any]) -> None:
        """Take in one event: `kind` is ADDED, MODIFIED or DELETED, or PRESENT for a Pod of the first list."""
        name = str(pod["metadata"]["name"])
        with self._lock:
            known = self._workspaces.get(name)
            if known is None:
                known = self._workspaces[name] = _Workspace(_type(pod), self._clock())
                if kind == "PRESENT":
                    known.phase = _phase(pod)
                    known.started = known.phase != "Pending"
                else:
                    self._starts.labels(known.kind, CLASS).inc()
            self._advance(known, _phase(pod))
            if kind == "DELETED":
                del self._workspaces[name]
                if not known.failed:
                    self._stopped(known, "regular-stop" if known.started else "aborted")

    def missing(self, present: set[str]) -> None:
        """Take in a fresh list: workspaces that are not in it ended while nobody watched."""
        with self._lock:
            for name in [name for name in self._workspaces if name not in present]:
                gone = self._workspaces.pop(name)
                if not gone.failed:
                    self._stopped(gone, "regular-stop" if gone.started else "aborted")

    def collect(self) -> Iterator[Metric]:
        """The gauge of phases, as they are now."""
        family = GaugeMetricFamily(f"{_PREFIX}_phase_total", "Workspaces by phase.", labels=["phase"])
        with self._lock:
            phases = [each.phase for each in self._workspaces.values()]
        for phase in PHASES:
            family.add_metric([phase], phases.count(phase))
        yield family

    def _advance(self, workspace: _Workspace, phase: str) -> None:
        if phase == "Running" and not workspace.started:
            workspace.started = True
            took = self._clock() - workspace.seen
            self._startup.labels(workspace.kind, CLASS).observe(took)
        if phase == "Failed" and not workspace.failed:
            workspace.failed = True
            if not workspace.started:
                self._failures.labels(workspace.kind, CLASS).inc()
            self._stopped(workspace, "failed" if workspace.started else "start-failure")
        workspace.phase = "Stopped" if phase == "Failed" else phase

    def _stopped(self, workspace: _Workspace, reason: str) -> None:
        self._stops.labels(reason, workspace.kind, CLASS).inc()


def _type(pod: Mapping[str, Any]) -> str:
    return _TYPES.get(pod["metadata"].get("labels", {}).get("workspaceType", ""), "Regular")


def _phase(pod: Mapping[str, Any]) -> str:
    """The workspace's phase, from its Pod; Failed is no phase of a workspace, but is told apart here."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return "Failed"
    if "deletionTimestamp" in pod["metadata"]:
        return "Stopping"
    if status.get("phase") == "Succeeded":
        return "Stopped"
    if status.get("phase") == "Running":
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))
        return "Running" if ready else "Creating"
    return "Pending" if not pod.get("spec", {}).get("nodeName") else "Creating"

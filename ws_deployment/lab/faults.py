"""What ails a cluster or a meta cluster of the lab because somebody ordered it, and the file that tells it.

The file lies in the folder of what is sick; the processes that act on it read it at each use. Who orders faults, and
what has to be ended or started for it, is `sickness`'s matter.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ws_deployment.tools.files import read_json, write_json

_FILE = "faults.json"


@dataclass(frozen=True)
class ClusterFault:
    """How a cluster is sick.

    `start_failures` is the share of workspace starts on it that fail, 0 to 1; `latency` the seconds that each of them
    takes longer; an `unreachable` one answers nobody.
    """

    start_failures: float = 0.0
    latency: float = 0.0
    unreachable: bool = False

    def words(self) -> list[str]:
        """What ails it, for people; empty for a healthy one."""
        return [
            *([f"{100 * self.start_failures:g} % of starts fail"] if self.start_failures else []),
            *([f"starts take {self.latency:g} s longer"] if self.latency else []),
            *(["unreachable"] if self.unreachable else []),
        ]


@dataclass(frozen=True)
class MetaFault:
    """How a meta cluster is sick.

    With `ignore_scores` its bridge keeps the scores that it is told and places on every cluster that is not cordoned
    alike; an `unavailable` bridge answers each call so; with `prometheus_down` its Prometheus does not run.
    """

    ignore_scores: bool = False
    unavailable: bool = False
    prometheus_down: bool = False

    def words(self) -> list[str]:
        """What ails it, for people; empty for a healthy one."""
        return [
            *(["the bridge ignores scores"] if self.ignore_scores else []),
            *(["the bridge is unavailable"] if self.unavailable else []),
            *(["Prometheus is down"] if self.prometheus_down else []),
        ]


Fault = ClusterFault | MetaFault


def cluster_fault(folder: Path) -> ClusterFault:
    """How the cluster in `folder` is sick."""
    return ClusterFault(**_kept(folder))


def meta_fault(folder: Path) -> MetaFault:
    """How the meta cluster in `folder` is sick."""
    return MetaFault(**_kept(folder))


def keep(folder: Path, fault: Fault) -> None:
    """Note how what is in `folder` is sick from now on."""
    write_json(folder / _FILE, asdict(fault))


def _kept(folder: Path) -> dict[str, Any]:
    return read_json(folder / _FILE) or {}

"""What gates said and what was turned back, as outputs show it; folded from events by `model`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ws_deployment.engine.events import Event

#: Verdicts in the order in which their counts are told.
VERDICTS = ("success", "failed", "inconclusive", "error")


@dataclass(frozen=True)
class GateView:
    """A gate's last verdict on one new cluster; `cluster` is empty where the gate is about all.

    Moments are seconds since the epoch: `at` of this verdict, `since` of the first one in a row that was the same.
    `stage` is the percent of starts that the new clusters were to take, `value` and `baseline` what the query gave for
    the new and the old clusters, `samples` how many starts that rests on; None where it is not known. `action` is what
    a limit that was reached leads to; empty where none was.
    """

    task: str
    gate: str
    cluster: str
    at: float
    since: float
    verdict: str
    stage: float | None = None
    value: float | None = None
    baseline: float | None = None
    samples: int | None = None
    text: str = ""
    query: str = ""
    success_when: str = ""
    fail_when: str = ""
    dry_run: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    action: str = ""

    @classmethod
    def of(cls, event: Event, before: GateView | None = None) -> GateView:
        """What an event of the kind `gate` tells, coming after `before`."""
        data = event.data
        same = before is not None and before.verdict == data["verdict"]
        return cls(
            task=event.task or "",
            gate=str(data["gate"]),
            cluster=str(data["cluster"]),
            at=event.at,
            since=before.since if before is not None and same else event.at,
            verdict=str(data["verdict"]),
            stage=data["stage"],
            value=data["value"],
            baseline=data["baseline"],
            samples=data["samples"],
            text=str(data["text"]),
            query=str(data["query"]),
            success_when=str(data["successWhen"] or ""),
            fail_when=str(data["failWhen"] or ""),
            dry_run=bool(data["dryRun"]),
            counts=dict(data["counts"]),
            action=str(data["action"]),
        )

    @property
    def name(self) -> str:
        """Which gate on which cluster, for people."""
        whom = f" of {self.cluster}" if self.cluster else ""
        return f"{self.gate}{whom}{' (dry run)' if self.dry_run else ''}"

    @property
    def numbers(self) -> str:
        """Value, baseline and samples, as far as they are known."""
        parts = [f"value {'none' if self.value is None else number(self.value)}"]
        parts += [] if self.baseline is None else [f"baseline {number(self.baseline)}"]
        parts += [] if self.samples is None else [f"{self.samples} samples"]
        return ", ".join(parts)

    @property
    def limits(self) -> str:
        """When it is good and when it is bad, in words; empty where the gate says neither."""
        told = {"good when": self.success_when, "bad when": self.fail_when}
        return ", ".join(f"{what} {limit}" for what, limit in told.items() if limit)

    @property
    def tally(self) -> str:
        """How often it came to which verdict."""
        return ", ".join(f"{count} {verdict}" for verdict in VERDICTS if (count := self.counts.get(verdict, 0)))

    def as_json(self) -> dict[str, Any]:
        """JSON values; documented in docs/events.md."""
        return {
            "task": self.task,
            "gate": self.gate,
            "cluster": self.cluster,
            "time": _moment(self.at),
            "since": _moment(self.since),
            "stage": self.stage,
            "verdict": self.verdict,
            "value": self.value,
            "baseline": self.baseline,
            "samples": self.samples,
            "text": self.text,
            "query": self.query,
            "successWhen": self.success_when,
            "failWhen": self.fail_when,
            "dryRun": self.dry_run,
            "counts": dict(self.counts),
            "action": self.action,
        }


@dataclass(frozen=True)
class TurnedBack:
    """What a task did and had to take back at `at` (seconds since the epoch).

    `clusters` are the new ones (short names) that lost their starts; `alone` says that the task went on without them.
    `gates` are the verdicts that condemned it; empty where another cause did. `done` says that it has been taken
    back; None while that is not known. `told` counts how often it was: a process that takes the run up tells it anew.
    """

    task: str
    at: float
    reason: str
    clusters: tuple[str, ...]
    alone: bool
    whole_run: bool
    gates: tuple[GateView, ...] = ()
    done: bool | None = None
    told: int = 1

    @property
    def meta(self) -> str:
        """The target of the task: the meta cluster whose starts it moved."""
        return self.task.partition("/")[0]

    def as_json(self) -> dict[str, Any]:
        """JSON values; documented in docs/events.md."""
        return {
            "task": self.task,
            "time": _moment(self.at),
            "reason": self.reason,
            "clusters": list(self.clusters),
            "alone": self.alone,
            "wholeRun": self.whole_run,
            "gates": [gate.as_json() for gate in self.gates],
            "done": self.done,
        }


def condemning(gates: Iterable[GateView], clusters: Sequence[str]) -> tuple[GateView, ...]:
    """The verdicts, of those last told, that led to a rollback of the clusters."""
    return tuple(gate for gate in gates if gate.action == "rollback" and (not gate.cluster or gate.cluster in clusters))


def split(shares: Mapping[str, float], measured: Mapping[str, float] | None = None, first: Iterable[str] = ()) -> str:
    """How starts are split, in a line: by the weights written and, where it is known, as measured.

    Those in `first` stand before the others.
    """
    ahead = set(first)
    return ", ".join(
        f"{name} {share:.3g} %{_measured(name, measured)}"
        for name, share in sorted(shares.items(), key=lambda each: each[0] not in ahead)
    )


def number(value: float) -> str:
    """A value in as many digits as people read."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004  three digits


def _measured(name: str, measured: Mapping[str, float] | None) -> str:
    return f" (measured {measured[name]:.3g} %)" if measured and name in measured else ""


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

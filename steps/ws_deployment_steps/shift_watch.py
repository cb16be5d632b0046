"""Watches a stage of a shift: goes on judging until it may be passed, a person says so, or it has to turn back.

A stage is passed when its time is over, the measured share of starts fits the wanted one, every gate has come to its
success, and nobody is waited for. What condemns a cluster ends it at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from ws_deployment.config.duration import format_duration
from ws_deployment.errors import CancelledError
from ws_deployment.interfaces import StepContext, TurnBackError
from ws_deployment.traffic.measured import Fit, fit
from ws_deployment_steps.gate_watch import Look
from ws_deployment_steps.pulse import Pulse
from ws_deployment_steps.questions import Questions
from ws_deployment_steps.starts_counted import StartsCounted

#: Seconds between two looks at all that is watched; each gate has its own interval beside.
_TICK = 0.1
#: Seconds between two times that the split is told, where it changed.
_SPLIT_EVERY = 1.0
#: Seconds between two times that it is told why a stage is held.
_REMIND = 60.0


class Gates(Protocol):
    """The gates of a shift."""

    def look(self) -> Look:
        """Ask those that are due."""
        ...

    def as_json(self) -> dict[str, Any]:
        """What they know so far."""
        ...


@dataclass(frozen=True)
class Bounds:
    """When a stage may be passed.

    `hold` is the least time in seconds. With `by_metrics` it is passed as soon after it as the gates allow, and after
    `at_most` seconds a person is asked. `question` is what a person has to say yes to; empty for none.
    `misfit` is what starts that don't fall as the weights say lead to, once the time is over. `what` is what people
    call it, where it is no stage of all users. One that may be `unsure` does not wait for gates that don't come to a
    verdict; they turn it back like any other.
    """

    percent: float
    hold: float
    by_metrics: bool = False
    at_most: float | None = None
    question: str = ""
    misfit: Literal["hold", "ask", "rollback"] = "ask"
    what: str = ""
    unsure: bool = False

    @property
    def stage(self) -> str:
        """What is watched, for people."""
        return self.what or f"{self.percent:g} %"


@dataclass(frozen=True)
class Watched:
    """What is watched of a stage.

    `shares` are those of all clusters of the meta cluster by the weights written, `wanted` those of the clusters that
    the shift is about, `before` the same at the stage before; in percent by short name. `must_measure` says that the
    stage is not passed unless starts were seen to fall as wanted. `turn_back` makes the error that turns back: of the
    clusters that are to blame (short names; none for all), the reason, and what to look at.
    """

    bounds: Bounds
    shares: Mapping[str, float]
    wanted: Mapping[str, float]
    before: Mapping[str, float]
    gates: Gates | None
    starts: StartsCounted | None
    pulse: Pulse
    must_measure: bool
    turn_back: Callable[[Sequence[str], str, str], TurnBackError]


def watch(context: StepContext, watched: Watched) -> dict[str, Any]:
    """Look on until the stage may be passed; who approved what, and what was found out.

    Raises TurnBackError where a gate fails, a cluster is lost, or the whole run is taken back.
    """
    with watched.pulse, Questions(context) as questions:
        return _Watching(context, watched, questions).to_the_end()


@dataclass
class _Watching:
    context: StepContext
    watched: Watched
    questions: Questions
    began: float = 0.0
    told: str = ""
    told_at: float = 0.0
    split: Mapping[str, float] | None = None
    split_at: float = 0.0

    def to_the_end(self) -> dict[str, Any]:
        # Of the clock only what passed before this process counts: it may be set meanwhile.
        before = max(time.time() - self.context.began, 0.0) if self.context.began else 0.0
        self.began = time.monotonic() - before
        while True:
            self._stop_if_asked()
            asks, waits = self._judge()
            measured = self._measure()
            held = [*waits, *self._time_and_measure(measured, asks)]
            if text := self.questions.unanswered(asks):
                held.append(f"waiting for a person: {text}")
            if not held:
                return self._outputs(measured)
            self._say(held)
            time.sleep(_TICK)

    def _stop_if_asked(self) -> None:
        if self.context.cancelled.is_set():
            raise CancelledError("watching", on=self._stage, why="asked to stop")
        if self.context.recalled():
            raise self.watched.turn_back((), "another part of the run turned bad", "")
        if lost := self.watched.pulse.lost():
            why = "; ".join(f"{name} is lost: it {what}" for name, what in lost.items())
            raise self.watched.turn_back(tuple(lost), why, "")

    def _judge(self) -> tuple[dict[str, str], list[str]]:
        """What the gates want a person asked, by key, and what they wait for."""
        if self.watched.gates is None:
            return {}, []
        look = self.watched.gates.look()
        for record in look.records:
            self.context.gate(record)
        if look.action == "rollback":
            raise self.watched.turn_back(look.clusters, _condemned(look), _asked(look))
        if look.action == "ask":
            return {"gates": f"{_judged(look.because)}. Go on all the same?"}, []
        if look.action == "goOn" or self._may_be_unsure(look):
            return {}, []
        return {}, [_judged(look.because) or "the gates have not come to a verdict yet"]

    def _may_be_unsure(self, look: Look) -> bool:
        failed = any(record["verdict"] == "failed" for record in look.because)
        return self.watched.bounds.unsure and not failed

    def _measure(self) -> Fit | None:
        """What starts say of the weights; told where it has changed. None where nothing counts them."""
        counts = self.watched.starts.look() if self.watched.starts else None
        measured = None if counts is None else fit(counts, self.watched.wanted, self.watched.before)
        seen = measured if measured and measured.starts else None
        shares = {name: round(share, 1) for name, share in seen.shares.items()} if seen else None
        if not self.watched.shares:  # no traffic is looked at
            return measured
        if self.split_at == 0.0 or (shares != self.split and time.monotonic() - self.split_at > _SPLIT_EVERY):
            self.split, self.split_at = shares, time.monotonic()
            told = {name: round(share, 1) for name, share in self.watched.shares.items() if share}
            self.context.traffic(told, wanted=self.watched.wanted, measured=shares)
        return measured

    def _time_and_measure(self, measured: Fit | None, asks: dict[str, str]) -> Iterator[str]:
        """What the stage waits for besides the gates; what a person is to be asked is put into `asks`."""
        bounds, elapsed = self.watched.bounds, time.monotonic() - self.began
        if left := max(bounds.hold - elapsed, 0.0):
            yield f"{format_duration(round(left))} left"
            return
        if bounds.question:
            asks["stage"] = bounds.question
        if bounds.at_most is not None and elapsed > bounds.at_most:
            asks["at most"] = f"The gates have not let {self._stage} pass in {format_duration(bounds.at_most)}: go on?"
        if measured is not None and measured.verdict == "does not fit":
            yield from self._misfits(self._misfit(measured), asks)
        elif self.watched.must_measure and (measured is None or measured.verdict == "too few yet"):
            yield self._unmeasured(measured)

    def _misfits(self, why: str, asks: dict[str, str]) -> Iterator[str]:
        if self.watched.bounds.misfit == "rollback":
            raise self.watched.turn_back((), why, "")
        if self.watched.bounds.misfit == "ask":
            asks["split"] = f"{why}. Go on all the same?"
        else:
            yield why

    def _unmeasured(self, measured: Fit | None) -> str:
        if measured is not None:
            return "too few starts yet to measure the split"
        problem = self.watched.starts.problem if self.watched.starts else ""
        return f"starts are not counted{problem and f': {problem}'}"

    def _misfit(self, measured: Fit) -> str:
        split = ", ".join(
            f"{name} {share:.1f} % instead of {self.watched.wanted[name]:.1f} %"
            for name, share in measured.shares.items()
        )
        return f"starts do not fall as the weights say: {split} of {measured.starts} starts"

    def _say(self, held: Sequence[str]) -> None:
        """Tell why the stage is held: at once where that is new, else from time to time."""
        gist = "; ".join(text for text in held if not text.endswith(" left"))
        if (gist and gist != self.told) or time.monotonic() - self.told_at > _REMIND:
            self.told, self.told_at = gist, time.monotonic()
            self.context.progress(f"holding at {self._stage}: {'; '.join(held)}")

    def _outputs(self, measured: Fit | None) -> dict[str, Any]:
        seen = {name: round(share, 1) for name, share in measured.shares.items()} if measured else {}
        gates = self.watched.gates.as_json() if self.watched.gates else {}
        return {"approved": self.questions.approved, "measured": seen, "gates": gates}

    @property
    def _stage(self) -> str:
        return self.watched.bounds.stage


def _judged(records: Sequence[Mapping[str, Any]]) -> str:
    """What gates said of clusters, in one line."""
    return "; ".join(f"gate {record['gate']} of {record['cluster']}: {record['text']}" for record in records)


def _condemned(look: Look) -> str:
    """Why it has to go back, with the numbers and the time."""
    at = datetime.fromtimestamp(look.at, UTC)
    return f"{_judged(look.because)} (at {at:%H:%M:%S} UTC)"


def _asked(look: Look) -> str:
    """The queries that condemned it, to be looked at."""
    return "\n".join(f"Asked was: {query}" for query in dict.fromkeys(record["query"] for record in look.because))

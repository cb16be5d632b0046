"""The sub-tasks of a shift: each stage's writes, then what must hold before the next stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ws_deployment.config.duration import format_duration
from ws_deployment.interfaces import ITrafficRouter, Registration, Stage, SubTask
from ws_deployment.traffic.ramp import shares
from ws_deployment_steps import shift_canary
from ws_deployment_steps.shift_stages import ALL, Admitted, CanaryParameters, StageParameters, question
from ws_deployment_steps.shift_watch import Bounds
from ws_deployment_steps.warmup import WarmupParameters, subtask

#: Key in the data of a sub-task that is no write of the router's: what it does.
DOES = "does"
LOOK, WATCH, WARMUP, RELEASE = "look", "watch", "warmup", "release"


@dataclass(frozen=True)
class Ramp:
    """A shift as it is planned.

    `stages` are the writes, `wanted` the stages of the config by percent. `replaces` tells what each new cluster takes
    over from. With `watched` each stage is watched, by gates where it `looks` before the first write; without it is
    only held. `soak` is the least time at the last
    stage, in seconds, and `misfit` what starts that don't fall as wanted lead to. With `warmup` each stage that writes
    anything waits for room before it. With `canary` the first stage takes some users alone at first, and then all;
    clusters in `lifted` are limited by a canary of an earlier attempt, which is over.
    """

    stages: Sequence[Stage]
    wanted: Mapping[float, StageParameters]
    replaces: Mapping[str, Sequence[str]]
    watched: bool
    looks: bool
    soak: float
    misfit: Literal["hold", "ask", "rollback"]
    warmup: WarmupParameters | None = None
    canary: CanaryParameters | None = None
    lifted: Sequence[tuple[str, Admitted]] = ()

    def subtasks(self, router: ITrafficRouter, registrations: Sequence[Registration]) -> Iterator[SubTask]:
        """All of them, in their order. `registrations` are those before the first."""
        before = {each.name: each.effective for each in registrations}
        for name, admitted in self.lifted:
            yield from shift_canary.admits((name,), admitted)
        for place, stage in enumerate(self.stages):
            if self.warmup and stage.writes:
                yield self._warmup(self.warmup, stage)
            if self.looks and place == 0:
                yield self._look(stage)
            if self.canary and place == 0:
                yield from self._canary(self.canary, router, stage, before)
            else:
                yield from router.subtasks(stage)
            wanted = self.wanted.get(stage.percent, StageParameters(percent=stage.percent))
            hold = self.soak if stage.percent == ALL else stage.hold if wanted.hold is None else wanted.hold
            yield from self._passing(self._bounds(wanted, stage.percent, hold), stage, before)
            before = {**before, **stage.scores}
        if self.warmup and self.warmup.reserve:
            yield release(tuple(self.replaces), ALL)

    def _look(self, stage: Stage) -> SubTask:
        old = [name for name in stage.scores if name not in self.replaces]
        return SubTask("look", "take down where the gates' counters stand", data={DOES: LOOK, "clusters": old})

    def _canary(
        self, wanted: CanaryParameters, router: ITrafficRouter, stage: Stage, before: Mapping[str, int]
    ) -> Iterator[SubTask]:
        """The first stage's writes while new clusters admit some users alone; then they admit everybody."""
        yield from shift_canary.limits(tuple(self.replaces), wanted.canary)
        yield from router.subtasks(stage)
        bounds = self._bounds(wanted, stage.percent, wanted.hold or 0.0)
        # Few users seldom have the starts that make a comparison sure.
        bounds = replace(bounds, what=f"the canary of {wanted.canary}", unsure=wanted.until == "time")
        yield from self._passing(bounds, stage, before)
        yield from shift_canary.admits(tuple(self.replaces), wanted.canary)

    def _bounds(self, wanted: StageParameters | CanaryParameters, percent: float, hold: float) -> Bounds:
        return Bounds(
            percent=percent,
            hold=hold,
            by_metrics=wanted.until == "metrics",
            at_most=wanted.at_most,
            question=question(wanted),
            misfit=self.misfit,
        )

    def _passing(self, bounds: Bounds, stage: Stage, before: Mapping[str, int]) -> Iterator[SubTask]:
        if self.watched:
            yield self._watch(bounds, stage, before)
        else:
            yield from _wait(bounds)

    def _warmup(self, wanted: WarmupParameters, stage: Stage) -> SubTask:
        data = {DOES: WARMUP, "percent": stage.percent, "scores": dict(stage.scores), **self._replacing()}
        return replace(subtask(wanted, stage.percent), data=data)

    def _replacing(self) -> dict[str, Any]:
        return {"replaces": {name: list(names) for name, names in self.replaces.items()}}

    def _watch(self, bounds: Bounds, stage: Stage, before: Mapping[str, int]) -> SubTask:
        data = {
            DOES: WATCH,
            "bounds": asdict(bounds),
            "scores": dict(stage.scores),
            "former": {name: before.get(name, 0) for name in stage.scores},
            **self._replacing(),
        }
        return SubTask(f"{_level(bounds)}/watch", f"watch {_said(bounds)}", watches=True, data=data)


def bounds_of(data: Mapping[str, Any]) -> Bounds:
    """The bounds that a watch was planned with."""
    return Bounds(**data["bounds"])


def percents(scores: Mapping[str, int], without: frozenset[str]) -> dict[str, float]:
    """What each cluster's part of the scores is, in percent; those that were turned back have none."""
    left = [Registration(name, score, available=True) for name, score in scores.items() if name not in without]
    return shares(left)


def release(names: Sequence[str], percent: float) -> SubTask:
    """Take away the Pods that keep room on these clusters, after the stage `percent`."""
    summary = f"take away the Pods that keep room on {', '.join(names)}"
    return SubTask(f"{percent:g}%/{RELEASE}", summary, data={DOES: RELEASE, "clusters": list(names)})


def _wait(bounds: Bounds) -> Iterator[SubTask]:
    if bounds.hold:
        held = f"hold at {bounds.stage} for {format_duration(bounds.hold)}"
        yield SubTask(f"{_level(bounds)}/hold", held, hold=bounds.hold)
    if bounds.question:
        asked = f"wait for an approval: {bounds.question}"
        yield SubTask(f"{_level(bounds)}/approve", asked, approval=bounds.question)


def _level(bounds: Bounds) -> str:
    """What the names of its sub-tasks begin with."""
    return "canary" if bounds.what else f"{bounds.percent:g}%"


def _said(bounds: Bounds) -> str:
    """A stage's conditions in words."""
    parts = [f"{bounds.stage} for {format_duration(bounds.hold)}" if bounds.hold else bounds.stage]
    if bounds.by_metrics:
        parts.append("until the gates let it pass")
    if bounds.at_most is not None:
        parts.append(f"asking a person after {format_duration(bounds.at_most)}")
    if bounds.question:
        parts.append(f"until a person approves: {bounds.question}")
    return ", ".join(parts)

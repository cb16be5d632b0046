"""One gate over all clusters of a shift: which queries it asks, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from ws_deployment.clients.prometheus import Sample
from ws_deployment.config import condition
from ws_deployment.config.gates import Action, Comparison, Gate
from ws_deployment.config.query_template import fill
from ws_deployment.errors import WsDeploymentError
from ws_deployment.traffic.comparison import TIMES, Counts, Evidence, judge
from ws_deployment.traffic.counters import ClusterCounts, Series
from ws_deployment.traffic.judgement import Judgement, judge_value
from ws_deployment.traffic.tally import Tally, strongest
from ws_deployment_steps.gate_asking import Answer


class WatchedGate:
    """A gate (none of the ready-made ones, but what they stand for), its counts and its evidence.

    `new` and `old` are the clusters by short name, with their values of the label `cluster`.
    """

    def __init__(self, gate: Gate, new: Mapping[str, str], old: Mapping[str, str]) -> None:
        self.gate, self.new, self.old = gate, dict(new), dict(old)
        self.tallies = {name: Tally() for name in new}
        self.records: dict[str, dict[str, Any]] = {}
        self._evidence = {name: Evidence() for name in new}
        self._counts = {name: ClusterCounts() for name in (*new, *old)}

    def queries(self) -> list[str]:
        """All that a look asks for."""
        clusters = (*self.new, *self.old) if self.gate.compare else tuple(self.new)
        return [self._filled(template, name) for name in clusters for template in self.templates()]

    def take_stock(self, answers: Mapping[str, Answer], fresh: Collection[str]) -> None:
        """Take down where counters stand, and judge nothing. Those of `fresh` clusters that are not there stand at 0.

        What could not be asked is taken down at the first look.
        """
        comparison = self.gate.compare or Comparison()
        for name, counts in self._counts.items():
            try:
                bad, every = self._counters(answers, name, comparison)
            except WsDeploymentError:
                continue
            if name in fresh and not every:
                counts.begin_at_nothing()
            counts.since(bad, every)

    def judge(self, answers: Mapping[str, Answer], stage: float, tests: int) -> list[dict[str, Any]]:
        """The record of each new cluster, as `StepContext.gate` tells it. `tests` is how many comparisons decide."""
        judged = self._compared(answers, tests) if self.gate.compare else self._valued(answers)
        return [self._record(name, judgement, stage) for name, judgement in judged.items()]

    def action(self) -> Literal[""] | Action | None:
        """The strongest that it asks for now, by all of its clusters; None for one that only tells."""
        if self.gate.dry_run:
            return None
        return strongest(tally.action(self.gate) for tally in self.tallies.values())

    def begin_stage(self) -> None:
        """Count verdicts anew. The evidence stays."""
        self.records = {}
        self.tallies = {name: Tally() for name in self.new}

    def leave(self, name: str) -> None:
        """Judge a cluster no more."""
        for kept in (self.new, self.tallies, self.records, self._evidence, self._counts):
            kept.pop(name, None)

    def as_dict(self) -> dict[str, Any]:
        """As JSON; `resume` reads it."""
        return {
            "tallies": {name: tally.as_dict() for name, tally in self.tallies.items()},
            "evidence": {name: evidence.as_dict() for name, evidence in self._evidence.items()},
            "counts": {name: counts.as_dict() for name, counts in self._counts.items()},
        }

    def resume(self, told: Mapping[str, Any]) -> None:
        """Go on from what `as_dict` told; of clusters that are no part of this shift nothing is taken.

        Raises KeyError, TypeError or ValueError for what it did not tell, and has then taken nothing.
        """
        tallies = {name: Tally.of(one) for name, one in told["tallies"].items() if name in self.new}
        evidence = {name: Evidence.of(one) for name, one in told["evidence"].items() if name in self.new}
        counts = {name: ClusterCounts.of(one) for name, one in told["counts"].items() if name in self._counts}
        self.tallies |= tallies
        self._evidence |= evidence
        self._counts |= counts

    def templates(self) -> list[str]:
        """The templates of its queries: bad and all, or the value's and its samples'."""
        comparison, gate = self.gate.compare, self.gate
        asked = [comparison.bad, comparison.all] if comparison else [gate.query, gate.samples]
        return [template for template in asked if template is not None]

    def _filled(self, template: str | None, name: str) -> str:
        label = self.new[name] if name in self.new else self.old[name]
        return fill(template or "", cluster=label, old=self.old.values(), window=self.gate.window)

    def _valued(self, answers: Mapping[str, Answer]) -> dict[str, Judgement]:
        gate = self.gate
        success = condition.parse(gate.success_when) if gate.success_when else None
        failure = condition.parse(gate.fail_when) if gate.fail_when else None
        judged = {}
        for name in self.new:
            try:
                values, *samples = (
                    [sample.value for sample in _told(answers[self._filled(template, name)])]
                    for template in self.templates()
                )
            except WsDeploymentError as error:
                judged[name] = _error(error)
                continue
            count = samples[0] if samples else None
            judged[name] = judge_value(values, success, failure, samples=count, min_samples=gate.min_samples)
        return judged

    def _compared(self, answers: Mapping[str, Answer], tests: int) -> dict[str, Judgement]:
        comparison = self.gate.compare or Comparison()
        try:
            counters = {name: self._counters(answers, name, comparison) for name in (*self.new, *self.old)}
        except WsDeploymentError as error:
            return dict.fromkeys(self.new, _error(error))
        old = [rise for name in self.old if (rise := self._counts[name].since(*counters[name]))]
        if self.old and not old:
            why = "no data of the old clusters"
            return dict.fromkeys(self.new, Judgement("error", why))
        baseline = sum((Counts(*rise) for rise in old), Counts())
        judged = {}
        for name in self.new:
            rise = self._counts[name].since(*counters[name])
            if rise is None:
                judged[name] = Judgement("error", "no data")
                continue
            self._evidence[name].add(Counts(*rise), baseline, comparison)
            judged[name] = judge(self._evidence[name], comparison, tests=tests)
        return judged

    def _counters(
        self, answers: Mapping[str, Answer], name: str, comparison: Comparison
    ) -> tuple[list[Series], list[Series]]:
        bad, every = (_told(answers[self._filled(template, name)]) for template in (comparison.bad, comparison.all))
        return [(s.labels, s.value) for s in bad], [(s.labels, s.value) for s in every]

    def _record(self, name: str, judgement: Judgement, stage: float) -> dict[str, Any]:
        gate, tally = self.gate, self.tallies[name]
        tally.count(judgement.verdict)
        queries = [self._filled(template, name) for template in self.templates()]
        record = {
            "gate": gate.called,
            "cluster": name,
            "stage": stage,
            "verdict": judgement.verdict,
            "value": judgement.value,
            "baseline": judgement.baseline,
            "samples": judgement.samples,
            "text": judgement.text,
            "query": f"({queries[0]}) / ({queries[1]})" if gate.compare else queries[0],
            "successWhen": gate.success_when,
            "failWhen": _bad_when(gate.compare) if gate.compare else gate.fail_when,
            "dryRun": gate.dry_run,
            "counts": tally.as_dict(),
            "action": "" if gate.dry_run else tally.action(gate),
        }
        self.records[name] = record
        return record


def _told(answer: Answer) -> tuple[Sample, ...]:
    if isinstance(answer, WsDeploymentError):
        raise answer
    return answer


def _error(error: WsDeploymentError) -> Judgement:
    return Judgement("error", error.why)


def _bad_when(comparison: Comparison) -> str:
    if comparison.difference is not None:
        return f"{comparison.difference:g} above the old"
    return f"{comparison.times or TIMES:g} times the old"

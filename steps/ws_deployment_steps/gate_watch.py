"""Watches the gates of a shift: asks those that are due, judges every new cluster, and says what it leads to.

The judgement itself is in ws_deployment.traffic; who acts on it is the step that holds the watch.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ws_deployment.clients.prometheus import QueryError
from ws_deployment.config.gates import Action, Gate
from ws_deployment.config.query_template import fill
from ws_deployment.config.ready_gates import resolved
from ws_deployment.config.v1 import BridgeApi
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Verdict
from ws_deployment.traffic.foresight import foretold, minutes_needed
from ws_deployment.traffic.tally import strongest
from ws_deployment_steps.gate_asking import Answer, Asker, Queries, Question, settle
from ws_deployment_steps.watched_gate import WatchedGate

#: Seconds that a look waits for answers. What comes later is judged by the next look: a slow query holds no other up.
PATIENCE = 0.5
#: Seconds until the next look while answers are still out.
_SOON = 0.25
#: A record as `StepContext.gate` takes it.
Record = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """What a look came to.

    `records` are those of the gates judged now, to be told by `StepContext.gate`. `action` is the strongest that any
    gate asks for by all that is known (those that only tell left out); "" leaves traffic as it is: nobody objects, but
    not all are sure yet. `goOn`: all are sure. `because` are the records that ask for `action`, where it is hold, ask
    or rollback, and `at` the time (Unix) of the look.
    """

    records: tuple[Record, ...]
    action: Literal[""] | Action
    because: tuple[Record, ...]
    at: float

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters that `because` is about, each once."""
        return tuple(dict.fromkeys(record["cluster"] for record in self.because))


class GateWatch:
    """The gates of one shift over its new clusters. Used by one thread at a time.

    `new` and `old` are the clusters by short name, with their values of the label `cluster`. `api` is the generation
    of the ready-made gates' metrics. `clock` is in seconds and never goes back; `now` is Unix time.
    """

    def __init__(
        self,
        gates: Sequence[Gate],
        queries: Queries,
        *,
        new: Mapping[str, str],
        old: Mapping[str, str],
        api: BridgeApi = "2026",
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._watched = {gate.called: WatchedGate(resolved(gate, api), new, old) for gate in gates}
        self._new, self._old = dict(new), dict(old)
        self._asker, self._timeout, self._patience = Asker(queries, clock), queries.timeout, patience
        self._clock, self._now = clock, now
        self._due = dict.fromkeys(self._watched, clock())
        self._out: dict[str, Question] = {}
        self._stage = 0.0
        decide = sum(not each.gate.dry_run and each.gate.compare is not None for each in self._watched.values())
        self._tests = max(1, decide * len(new))

    def check(self) -> Verdict:
        """Ask everything once, before any traffic moves: each query is read, and has a series for an old cluster.

        Refuses with all that is wrong, each with its query and a remedy; what is wrong with a gate that only tells is
        told as a reason to go on. Without old clusters there is none to have a series. Raises what the client raises
        where Prometheus does not answer, or lets nobody in.
        """
        problems: list[str] = []
        notes: list[str] = []
        asked = {
            name: [(template, list(self._everywhere(each, template))) for template in each.templates()]
            for name, each in self._watched.items()
        }
        answers = self._asker.now(query for pairs in asked.values() for _, queries in pairs for query in queries)
        for name, pairs in asked.items():
            told = notes if self._watched[name].gate.dry_run else problems
            told += [f"gate `{name}`: {fault}" for _, queries in pairs if (fault := self._fault(queries, answers))]
        if problems:
            remedy = "Mend the query; or set `dryRun: true`, with which a gate only tells."
            return Verdict.refuse("\n".join([*problems, *notes]), remedy)
        return Verdict.proceed("\n".join(notes))

    def take_stock(self, fresh: Collection[str]) -> None:
        """Take down where the counters of comparisons stand, before any traffic moves: what comes then is of the shift.

        `fresh` are new clusters (short names) that nobody had before: what Prometheus knows nothing of, begins at 0.
        What can't be asked now begins with the first look. Never raises for Prometheus.
        """
        comparing = {name: each for name, each in self._watched.items() if each.gate.compare}
        answers = self._asker.now(query for each in comparing.values() for query in each.queries())
        for each in comparing.values():
            each.take_stock(answers, fresh)

    def begin_stage(self, percent: float) -> None:
        """A stage begins: verdicts are counted anew, all gates are due. The evidence since the shift began stays."""
        self._stage = percent
        self._due = dict.fromkeys(self._watched, self._clock())
        for each in self._watched.values():
            each.begin_stage()

    def look(self) -> Look:
        """Ask the gates that are due and judge what has come, within the patience. Never raises for Prometheus."""
        clock = self._clock()
        due = [name for name, at in self._due.items() if at <= clock and name not in self._out]
        self._out |= self._asker.ask({name: self._watched[name].queries() for name in due})
        for name in due:
            self._due[name] = clock + self._watched[name].gate.interval
        settle(self._out.values(), self._patience)
        records: list[Record] = []
        for name, question in list(self._out.items()):
            if question.done or self._clock() - question.began > self._timeout + self._patience:
                del self._out[name]
                records += self._watched[name].judge(question.told(), self._stage, self._tests)
        action, because = self._standing()
        return Look(tuple(records), action, because, self._now())

    def wait(self) -> float:
        """Seconds until the next look is worth it."""
        waits = [at - self._clock() for name, at in self._due.items() if name not in self._out]
        return max(0.0, min([*waits, *([_SOON] if self._out else [])], default=3600.0))

    def leave(self, name: str) -> None:
        """Judge a cluster no more: it was turned back."""
        self._new.pop(name, None)
        for each in self._watched.values():
            each.leave(name)

    def foresee(self, percent: float) -> dict[str, str]:
        """For the plan: how long each comparison will be inconclusive at `percent`, by gate.

        At the rate of starts and the ratio of the last hour. Nothing of what Prometheus can't tell.
        """
        comparing = {name: each for name, each in self._watched.items() if each.gate.compare}
        asked = {
            name: [[_of_an_hour(query) for query in self._everywhere(each, template)] for template in each.templates()]
            for name, each in comparing.items()
        }
        answers = self._asker.now(query for pair in asked.values() for queries in pair for query in queries)
        told = {}
        for name, each in comparing.items():
            bad, every = (sum(_number(answers[query]) for query in queries) for queries in asked[name])
            if every > 0 and self._new and each.gate.compare:
                rate = every / 60
                minutes, _ = minutes_needed(
                    each.gate.compare,
                    new_rate=rate * percent / 100 / len(self._new),
                    old_rate=rate * (1 - percent / 100),
                    old_ratio=bad / every,
                    tests=self._tests,
                )
                told[name] = foretold(minutes, rate)
        return told

    def as_json(self) -> dict[str, Any]:
        """All that is known, as JSON: where counters stood, evidence, counts of verdicts. `from_json` reads it."""
        return {"stage": self._stage, "gates": {name: each.as_dict() for name, each in self._watched.items()}}

    def from_json(self, told: Mapping[str, Any]) -> None:
        """Go on from what `as_json` told, in another process too: what was counted meanwhile is not lost.

        A gate whose part another version of the program has written otherwise begins anew.
        """
        self._stage = float(told.get("stage", 0.0))
        for name, each in self._watched.items():
            with contextlib.suppress(KeyError, TypeError, ValueError):
                each.resume(told["gates"][name])

    def _standing(self) -> tuple[Literal[""] | Action, tuple[Record, ...]]:
        actions = [action for each in self._watched.values() if (action := each.action()) is not None]
        action = strongest(actions)
        if action in {"", "goOn"}:
            return action, ()
        records = [record for each in self._watched.values() for record in each.records.values()]
        return action, tuple(record for record in records if record["action"] == action)

    def _everywhere(self, each: WatchedGate, template: str) -> list[str]:
        """The query for every old cluster; where there is none, for every new one."""
        labels = (self._old or self._new).values()
        return [fill(template, cluster=label, old=self._old.values(), window=each.gate.window) for label in labels]

    def _fault(self, queries: Sequence[str], answers: Mapping[str, Answer]) -> str:
        """What is wrong with a query that was asked for each of the clusters."""
        for query in queries:
            answer = answers[query]
            if isinstance(answer, QueryError):
                return f"{answer.why}: {query}"
            if isinstance(answer, WsDeploymentError):
                raise answer
        if self._old and not any(answers[query] for query in queries):
            return f"no series for the old clusters ({', '.join(self._old)}): {queries[0]}"
        return ""


def _of_an_hour(query: str) -> str:
    return f"sum(increase(({query})[1h:1m]))"


def _number(answer: Answer) -> float:
    if isinstance(answer, WsDeploymentError) or not answer:
        return 0.0
    return answer[0].value if answer[0].value == answer[0].value else 0.0

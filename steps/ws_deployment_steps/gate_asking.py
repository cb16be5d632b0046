"""Asks many queries at once and waits for none of them longer than it has to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Protocol

from ws_deployment.clients.prometheus import Sample
from ws_deployment.errors import WsDeploymentError

#: What came of a query: its series, or why there are none.
Answer = tuple[Sample, ...] | WsDeploymentError


class Queries(Protocol):
    """What gates ask; `PrometheusClient` is one. `timeout` is in seconds a query."""

    timeout: float

    def query(self, promql: str) -> tuple[Sample, ...]:
        """The series that the query gives now. Raises WsDeploymentError."""
        ...


@dataclass(frozen=True)
class Question:
    """Some queries that were asked at the time `began` (of the asker's clock)."""

    began: float
    answers: Mapping[str, Future[tuple[Sample, ...]]]

    @property
    def done(self) -> bool:
        """Whether all are answered."""
        return all(answer.done() for answer in self.answers.values())

    def told(self) -> dict[str, Answer]:
        """What came of each; one that is still out is a time-out."""
        return {query: _answer(query, future) for query, future in self.answers.items()}


class Asker:
    """Asks at `queries`. A query that does not come back holds nobody up, not even the end of the program."""

    def __init__(self, queries: Queries, clock: Callable[[], float]) -> None:
        self._queries, self._clock = queries, clock

    def ask(self, groups: Mapping[str, Iterable[str]]) -> dict[str, Question]:
        """Ask the queries of each group, each once however many groups have it."""
        asked: dict[str, Future[tuple[Sample, ...]]] = {}
        for group in groups.values():
            for query in group:
                if query not in asked:
                    asked[query] = self._begin(query)
        began = self._clock()
        return {name: Question(began, {query: asked[query] for query in group}) for name, group in groups.items()}

    def now(self, queries: Iterable[str]) -> dict[str, Answer]:
        """Ask, and wait until all are answered or their time is over."""
        question = self.ask({"": list(queries)})[""]
        wait(question.answers.values(), timeout=self._queries.timeout + 1)
        return question.told()

    def _begin(self, query: str) -> Future[tuple[Sample, ...]]:
        answer: Future[tuple[Sample, ...]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._queries.query(query))
            except BaseException as error:  # noqa: BLE001  whatever it is, it is the answer
                answer.set_exception(error)

        # Not a pool: its threads would be waited for when the program ends.
        threading.Thread(target=ask, name="gate", daemon=True).start()
        return answer


def settle(questions: Iterable[Question], patience: float) -> None:
    """Wait for answers, at most `patience` seconds."""
    wait([answer for question in questions for answer in question.answers.values()], timeout=patience)


def _answer(query: str, future: Future[tuple[Sample, ...]]) -> Answer:
    if not future.done():
        return WsDeploymentError("asking Prometheus for", on=query, why="no answer in time")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, WsDeploymentError):
        return error
    return WsDeploymentError("asking Prometheus for", on=query, why=f"{type(error).__name__}: {error}")

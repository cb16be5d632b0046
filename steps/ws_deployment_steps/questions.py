"""Questions that a task has while it looks on: put one at a time, withdrawn when there is nothing to ask any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from ws_deployment.interfaces import StepContext


@dataclass
class _Open:
    """The question that is put: what it is about, its words, who has said yes, and how it is taken off the table."""

    key: str
    text: str
    who: Callable[[], str]
    stack: ExitStack


@dataclass
class Questions:
    """The questions of one sub-task, while the context lasts. `approved` tells who has said yes, by question.

    A yes holds for what it was about until the end, whatever its words are by then.
    """

    context: StepContext
    approved: dict[str, str] = field(default_factory=dict)
    _settled: set[str] = field(default_factory=set)
    _open: _Open | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._open.stack.__exit__(kind, error, trace)
            self._open = None

    def unanswered(self, asks: Mapping[str, str]) -> str:
        """The first of `asks` (words by what they are about) that nobody has said yes to; empty where there is none.

        A task waits for one thing: a second question would hide the first from those who could answer it. What is
        not in `asks` any more is withdrawn.
        """
        self._look()
        if self._open and self._open.key not in asks:
            self._close()
        if self._open:
            return self._open.text
        for key, text in asks.items():
            if key not in self._settled:
                stack = ExitStack()
                self._open = _Open(key, text, stack.enter_context(self.context.question(text)), stack)
                self._look()
                if self._open:
                    return text
        return ""

    def _look(self) -> None:
        """Keep a yes, and take its question off the table."""
        if self._open and (who := self._open.who()):
            self._settled.add(self._open.key)
            self.approved[self._open.text] = who
            self._close()

    def _close(self) -> None:
        if self._open:
            its, self._open = self._open, None
            its.stack.close()

"""Counts where starts have landed since a moment, by short name: what a router counts, else what Prometheus does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ws_deployment.errors import TransientError

#: Seconds between two looks.
_EVERY = 1.0


class StartsCounted:
    """Asks `counters` for all starts so far, and tells what came since the beginning.

    A counter that fell was begun anew. What can't be asked now is asked later.
    """

    def __init__(self, counters: Callable[[], Mapping[str, float]], settle: float = 0.0) -> None:
        self._counters = counters
        self._begin = time.monotonic() + settle
        self._last: Mapping[str, float] | None = None
        self._since: dict[str, float] = {}
        self._next = self._begin
        #: Why the last look came to nothing; empty where it did not.
        self.problem = ""

    def look(self) -> Mapping[str, int] | None:
        """Starts by short name since the beginning; None where no look has succeeded yet."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            try:
                now = dict(self._counters())
            except TransientError as error:
                self.problem = error.why
            else:
                self.problem = ""
                self._take(now)
        return None if self._last is None else {name: round(count) for name, count in self._since.items()}

    def _take(self, now: Mapping[str, float]) -> None:
        for name, count in now.items():
            before = 0.0 if self._last is not None else count
            before = (self._last or {}).get(name, before)
            self._since[name] = self._since.get(name, 0.0) + (count - before if count >= before else count)
        self._last = {**(self._last or {}), **now}

"""Notices that a cluster is lost: its API has not answered for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

#: Seconds between two looks.
_EVERY = 2.0


class Pulse:
    """Asks each cluster, in threads of its own, while the context lasts.

    `asks` are the questions by short name; one that raises has not answered. A cluster is lost when it has not
    answered for `limit` seconds, of which a silent one may take a time-out more to be noticed.
    """

    def __init__(self, asks: Mapping[str, Callable[[], object]], limit: float, every: float = _EVERY) -> None:
        self._limit = limit
        self._every = min(every, limit / 3)
        self._answered = dict.fromkeys(asks, time.monotonic())
        self._why = dict.fromkeys(asks, "")
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(name, ask), name=f"pulse-{name}", daemon=True)
            for name, ask in asks.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()  # a thread that waits for a silent cluster ends by the time-out of its call

    def lost(self) -> dict[str, str]:
        """Why each cluster counts as lost, by short name."""
        now = time.monotonic()
        silent = {name: now - at for name, at in self._answered.items() if now - at > self._limit and self._why[name]}
        return {name: f"has not answered for {seconds:.0f} s: {self._why[name]}" for name, seconds in silent.items()}

    def _ask(self, name: str, ask: Callable[[], object]) -> None:
        while not self._ended.is_set():
            try:
                ask()
            except Exception as error:  # noqa: BLE001  whatever keeps it from answering
                self._why[name] = str(error).partition("\n")[0]
            else:
                self._answered[name] = time.monotonic()
                self._why[name] = ""
            self._ended.wait(self._every)

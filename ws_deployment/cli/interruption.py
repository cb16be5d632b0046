"""Ctrl-C and SIGTERM: the first asks the run to stop cleanly, a second one stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from ws_deployment.cli.exit_codes import ExitCode

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Interruption:
    """A context manager that catches both signals.

    `asked` is set by the first; `taken` says whether one came, `code` what to exit with then.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.code = ExitCode.INTERRUPTED
        self.taken = False
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._take) for number in _CODES}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self.asked.is_set():
            raise KeyboardInterrupt
        self.taken = True
        self.code = _CODES[signal.Signals(number)]
        self.asked.set()

"""The outputs of a run together: one thread folds its events and hands them on, so that the engine never waits.

What an output does with an event is its own business; which outputs a run has is chosen in `choose`.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TextIO

from ws_deployment.engine.events import Event, EventBus
from ws_deployment.output.model import RunView

#: Seconds between two ticks: how often a live view is drawn.
TICK = 0.2


class Output(ABC):
    """One reader of a run's events. All of its methods are called by one thread."""

    #: How a warning names it.
    name: str

    def open(self) -> None:  # noqa: B027  most outputs have nothing to get ready
        """Get ready; before the first event."""

    @abstractmethod
    def take(self, event: Event, run: RunView) -> None:
        """Show one event; `run` has it folded in."""

    def tick(self, now: float, run: RunView) -> None:  # noqa: B027  most outputs speak of events alone
        """Show that time has passed; `now` is seconds since the epoch."""

    def close(self, run: RunView) -> Sequence[str]:  # noqa: ARG002  a default
        """Finish, also when the run was ended by an error. Returns warnings to show, one line each."""
        return ()


class Outputs:
    """A context manager: inside of it all events of `bus` reach all outputs; after it all of them are shown.

    An output that fails is left out from then on and warned of at the end: a run never fails for what looks at it.
    `run` is the folded model, to be read after the end. Warnings are written to `stderr`.
    """

    def __init__(self, bus: EventBus, outputs: Sequence[Output], stderr: TextIO, warnings: Sequence[str] = ()) -> None:
        self.run = RunView()
        self._bus = bus
        self._outputs = list(outputs)
        self._stderr = stderr
        self._warnings = list(warnings)
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="outputs", daemon=True)

    def __enter__(self) -> Self:
        self._warn()
        self._bus.subscribe(self._events.put)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.put(None)
        self._thread.join()
        self._warn()

    def _work(self) -> None:
        self._each(lambda output: output.open())
        next_tick = time.time()
        while True:
            try:
                event = self._events.get(timeout=max(next_tick - time.time(), 0.0))
            except queue.Empty:
                pass
            else:
                if event is None:
                    break
                self._take(event)
            if (now := time.time()) >= next_tick:
                self._each(lambda output, now=now: output.tick(now, self.run))  # type: ignore[misc]  # a lambda's default has no annotation
                next_tick = time.time() + TICK
        self._each(lambda output: self._warnings.extend(output.close(self.run)))

    def _take(self, event: Event) -> None:
        self.run.take(event)
        if event.past:
            return
        self._each(lambda output: output.take(event, self.run))

    def _each(self, work: Callable[[Output], None]) -> None:
        for output in list(self._outputs):
            try:
                work(output)
            except BrokenPipeError:
                self._drop(output)  # whoever read it is gone: nobody is left to warn
            except Exception as error:  # noqa: BLE001  an output's fault must not become the run's
                self._drop(output)
                self._warnings.append(f"the {output.name} output stopped: {type(error).__name__}: {error}")

    def _drop(self, output: Output) -> None:
        self._outputs.remove(output)
        with contextlib.suppress(Exception):  # it has failed before; closing restores the terminal where it can
            output.close(self.run)

    def _warn(self) -> None:
        warnings, self._warnings = self._warnings, []
        for warning in warnings:
            print(f"warning: {warning}", file=self._stderr, flush=True)

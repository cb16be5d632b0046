"""The events of a run out of the store: what happened so far, and, if wished, what happens on."""

from __future__ import annotations

import json
import time
from typing import Protocol, Self, TextIO

from sqlalchemy.exc import SQLAlchemyError

from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.store import Store
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output
from ws_deployment.output.plain import PlainOutput
from ws_deployment.output.standing import Standing, standings

#: Seconds between two looks.
LOOK = 0.25
#: Looks after the end of a run that told none: its last events are written a moment after it is let go.
_LAST_LOOKS = 8


class Teller(Protocol):
    """Writes events for somebody."""

    def tell(self, event: dict[str, object]) -> None:
        """Write one event, given in its documented form."""
        ...

    def tick(self) -> None:
        """Time has passed without one."""
        ...


class JsonTeller:
    """The documented lines, as `run --json` writes them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, event: dict[str, object]) -> None:
        """Write one line."""
        self._stream.write(json.dumps(event, separators=(",", ":")) + "\n")

    def tick(self) -> None:
        """Let go what was written."""
        self._stream.flush()


class OutputTeller:
    """What an output of runs makes of them: the plain lines, or the live view. `run` has all folded in."""

    def __init__(self, output: Output, stream: TextIO) -> None:
        self._output = output
        self._stream = stream
        self.run = RunView()

    @classmethod
    def plain(cls, stream: TextIO) -> Self:
        """The lines of the plain output."""
        return cls(PlainOutput(stream), stream)

    def tell(self, event: dict[str, object]) -> None:
        """Write what the event is worth."""
        happened = Event.from_json(event)
        self.run.take(happened)
        self._output.take(happened, self.run)

    def tick(self) -> None:
        """Write what was held back, and a sign of life of what takes long."""
        self._output.tick(time.time(), self.run)
        self._stream.flush()

    def leave(self, status: Status) -> None:
        """Nobody is at the run any more, which has not come to its end and stands so."""
        self.run.leave(status, time.time())

    def __enter__(self) -> Self:
        self._output.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close(self.run)


def tell(store: Store, run: str, teller: Teller, *, follow: bool) -> Standing:
    """Tell all events so far; with `follow` go on until nobody is at the run any more. How it stands then.

    A database that is away for a moment is asked again while following.
    """
    last, over = 0, 0
    ended = False
    while True:
        try:
            (standing,) = standings(store, [store.find(run)])
            for event in store.events(run, after=last):
                teller.tell(event)
                last, ended = event["seq"], event["kind"] == Kind.RUN_FINISHED
        except SQLAlchemyError:
            if not follow:
                raise
        else:
            over = over + 1 if _is_over(standing) else 0
            if not follow or (over and (ended or over > _LAST_LOOKS)):
                return standing
            teller.tick()
        time.sleep(LOOK)


def _is_over(standing: Standing) -> bool:
    return standing.lease is None and standing.run.status is not Status.QUEUED

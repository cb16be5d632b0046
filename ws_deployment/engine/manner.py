"""How a run is attended, and what it came to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.outcome import Outcome, Status


@dataclass(frozen=True)
class Report:
    """What a run came to: each task's outcome by key, and its whole status."""

    status: Status
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Manner:
    """How a run is attended. `bus` tells what happens, `cancelled` is set when it shall stop.

    `wait` is for how many seconds locks are waited for, None for not at all. With `exit_on_wait` the command ends when
    all that is left of the run waits. `new` goes on beside an unfinished run of the fleet. `detach` leaves the run to
    workers. `key` names the run for whoever began it: a second run with that key goes on with the first.
    With `unshared_lock` a production run goes on although runs from other state stores can't see its lock.
    """

    bus: EventBus
    cancelled: threading.Event = field(default_factory=threading.Event)
    wait: float | None = None
    exit_on_wait: bool = False
    new: bool = False
    detach: bool = False
    key: str = ""
    unshared_lock: bool = False

    def tell(self, message: str) -> None:
        """Tell what happens before the run's tasks begin."""
        self.bus.emit(Kind.RUN_PROGRESS, message=message)

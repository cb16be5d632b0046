from __future__ import annotations

from sqlalchemy.exc import OperationalError

from ws_deployment.engine.event_writer import EventWriter
from ws_deployment.engine.events import Event, Kind


def test_events_that_can_not_be_kept_now_are_kept_with_the_next() -> None:
    kept: list[int] = []
    calls: list[int] = []

    def keep(batch: list[Event]) -> None:
        calls.append(len(batch))
        if len(calls) == 1:
            raise OperationalError("INSERT", {}, Exception("disk full"))
        kept.extend(event.seq for event in batch)

    writer = EventWriter()
    writer.begin(keep)
    for seq in range(1, 4):
        writer(Event("run-1", seq, 0.0, Kind.RUN_PROGRESS))
        while len(calls) < min(seq, 2) and seq < 3:
            pass
    writer.close()
    assert kept == [1, 2, 3]

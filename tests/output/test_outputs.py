from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence

import pytest
from harness import event_streams as streams

from ws_deployment.engine.events import Event, EventBus
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output, Outputs


class Kept(Output):
    name = "kept"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def open(self) -> None:
        self.calls.append("open")

    def take(self, event: Event, run: RunView) -> None:
        assert run.run == event.run
        self.calls.append(event.kind)
        self.threads.add(threading.get_ident())

    def close(self, run: RunView) -> Sequence[str]:
        self.calls.append("close")
        return (f"{run.status} at last",)


class Broken(Kept):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def take(self, event: Event, run: RunView) -> None:
        super().take(event, run)
        raise self.error


def emit(bus: EventBus, story: streams.Story) -> None:
    for event in story.events():
        bus.emit(event.kind, event.task, **event.data)


def test_all_events_reach_all_outputs_in_order_and_from_one_thread() -> None:
    bus, stderr, first, second = EventBus(streams.RUN), io.StringIO(), Kept(), Kept()
    with Outputs(bus, [first, second], stderr, ["beforehand"]) as outputs:
        emit(bus, streams.good())
    assert first.calls == ["open", *(event.kind for event in streams.good().events()), "close"]
    assert second.calls == first.calls
    assert first.threads == second.threads != {threading.get_ident()}
    assert outputs.run.status == "done"
    assert stderr.getvalue().splitlines() == ["warning: beforehand", *["warning: done at last"] * 2]


def test_an_output_that_fails_is_closed_and_left_out_and_the_run_goes_on() -> None:
    bus, stderr, broken, good = EventBus(streams.RUN), io.StringIO(), Broken(ValueError("no room")), Kept()
    with Outputs(bus, [broken, good], stderr):
        emit(bus, streams.good())
    assert broken.calls == ["open", "run.started", "close"]
    assert good.calls[-2:] == ["run.finished", "close"]
    assert "warning: the kept output stopped: ValueError: no room" in stderr.getvalue()


def test_a_reader_that_went_away_is_no_cause_for_a_warning() -> None:
    bus, stderr = EventBus(streams.RUN), io.StringIO()
    with Outputs(bus, [Broken(BrokenPipeError())], stderr):
        emit(bus, streams.good())
    assert stderr.getvalue() == ""


def test_an_exception_closes_all_and_passes_on() -> None:
    bus, kept = EventBus(streams.RUN), Kept()

    def fail() -> None:
        with Outputs(bus, [kept], io.StringIO()):
            emit(bus, streams.refused())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert kept.calls[-1] == "close"


def test_a_slow_output_does_not_hold_the_engine() -> None:
    class Slow(Kept):
        def take(self, event: Event, run: RunView) -> None:
            time.sleep(0.005)
            super().take(event, run)

    bus, slow = EventBus(streams.RUN), Slow()
    with Outputs(bus, [slow], io.StringIO()):
        started = time.monotonic()
        emit(bus, streams.mixed())
        took = time.monotonic() - started
    assert took < 0.005 * len(streams.mixed().events()) / 2
    assert slow.calls[-1] == "close"

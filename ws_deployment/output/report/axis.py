"""The report's axis of time: stretches in which somebody was at the run, to scale; the gaps between them cut short."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ws_deployment.engine.events import Event, Kind

#: What a gap takes of the axis, as a part of it, and the least seconds of one.
_GAP, _LONG = 0.04, 60.0
_MINUTE = 60.0
#: Seconds between two round moments, how many of them there are at most, and how near the ends none is, in percent.
_STEPS = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 86400.0)
_TICKS, _EDGE = 8, 9.0
#: Room behind what happened at the very end, in percent.
_TAIL = 3.0


@dataclass(frozen=True)
class Stretch:
    """From `begin` to `end`, in seconds since the epoch. In a `gap` no process was at the run."""

    begin: float
    end: float
    gap: bool = False


@dataclass(frozen=True)
class Axis:
    """Places moments between 0 and 100 (percent)."""

    stretches: tuple[Stretch, ...]

    @classmethod
    def of(cls, events: Sequence[Event], now: float, *, live: bool) -> Axis:
        """The axis of a run, up to `now` where a process is at it."""
        if not events:
            return cls((Stretch(now, now + 1.0),))
        stretches: list[Stretch] = []
        begin = last = events[0].at
        for event in events[1:]:
            if event.kind is Kind.RUN_RESUMED and event.at - last >= _LONG:
                stretches += [Stretch(begin, last), Stretch(last, event.at, gap=True)]
                begin = event.at
            last = max(last, event.at)
        end = max(now if live else last, begin + 0.001)
        return cls((*stretches, Stretch(begin, end)))

    @property
    def begin(self) -> float:
        """Its first moment."""
        return self.stretches[0].begin

    @property
    def end(self) -> float:
        """Its last moment."""
        return self.stretches[-1].end

    @property
    def gaps(self) -> tuple[Stretch, ...]:
        """When nobody was at it."""
        return tuple(stretch for stretch in self.stretches if stretch.gap)

    def beyond(self, moments: Sequence[float]) -> Axis:
        """The axis with some room at its end where one of the moments is so near it that it would not be seen."""
        if not any(self.place(at) > 100.0 - _TAIL for at in moments):
            return self
        tail = sum(each.end - each.begin for each in self.stretches if not each.gap) * _TAIL / 100.0
        last = self.stretches[-1]
        return Axis((*self.stretches[:-1], Stretch(last.begin, last.end + tail)))

    def place(self, at: float) -> float:
        """Where a moment stands."""
        gaps = len(self.gaps)
        scale = (100.0 - 100.0 * _GAP * gaps) / sum(each.end - each.begin for each in self.stretches if not each.gap)
        place = 0.0
        for stretch in self.stretches:
            part = min(max(at - stretch.begin, 0.0), stretch.end - stretch.begin)
            if stretch.gap:
                place += 100.0 * _GAP * part / (stretch.end - stretch.begin)
            else:
                place += scale * part
        return round(place, 3)


@dataclass(frozen=True)
class Tick:
    """A round moment on the axis: where it stands and what it is called."""

    place: float
    label: str


def ticks(axis: Axis) -> list[Tick]:
    """Round moments of the day, a few of them, with room for the words at both ends of the axis."""
    attended = sum(each.end - each.begin for each in axis.stretches if not each.gap)
    step = next((step for step in _STEPS if attended / step <= _TICKS), _STEPS[-1])
    form = "%H:%M:%S" if step < _MINUTE else "%H:%M"
    found = []
    for stretch in axis.stretches:
        away = datetime.fromtimestamp(stretch.begin).astimezone().utcoffset()
        offset = away.total_seconds() if away else 0.0
        at = math.ceil((stretch.begin + offset) / step) * step - offset
        while at <= stretch.end and not stretch.gap:
            place = axis.place(at)
            if _EDGE <= place <= 100.0 - _EDGE:
                found.append(Tick(place, f"{datetime.fromtimestamp(at).astimezone():{form}}"))
            at += step
    return found


def clock(at: float) -> str:
    """A moment as the machine's clock shows it, with its zone."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def hour(at: float) -> str:
    """A moment of the day."""
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"


def past_events(events: Sequence[Mapping[str, Any]]) -> list[Event]:
    """The events of their documented forms."""
    return [Event.from_json(event) for event in events]

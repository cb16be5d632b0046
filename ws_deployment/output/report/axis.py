"""The report's axis of time: stretches in which somebody was at the run, to scale; the gaps between them cut short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ws_deployment.engine.events import Event, Kind

#: What a gap takes of the axis, as a part of it, and the least seconds of one.
_GAP, _LONG = 0.04, 60.0


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


def clock(at: float) -> str:
    """A moment as the machine's clock shows it, with its zone."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def hour(at: float) -> str:
    """A moment of the day."""
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"


def past_events(events: Sequence[Mapping[str, Any]]) -> list[Event]:
    """The events of their documented forms."""
    return [Event.from_json(event) for event in events]

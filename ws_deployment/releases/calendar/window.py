"""Maintenance windows that come again, such as `Sat 02:00-05:00 Europe/Berlin`, and when they are open.

A window is open while the clock on the wall of its zone shows a time in it. So it opens late when clocks are put
forward over its beginning, not at all when they are put forward over all of it, longer when they are put back within
it, and twice when they are put back over all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ws_deployment.errors import UsageError
from ws_deployment.releases.calendar.zones import zone

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK, _DAY_MINUTES, _HOUR_MINUTES = 7, 1440, 60
_FORM = re.compile(
    r"(?:(?P<days>[A-Za-z][A-Za-z, -]*)\s+)?"
    r"(?P<start>\d\d?:\d\d)\s*-\s*(?P<end>\d\d?:\d\d)(?:\s+(?P<zone>[A-Za-z][\w+/-]*))?"
)
#: No zone is further from UTC.
_FURTHEST = timedelta(hours=15)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Opening:
    """One time that a window is open: from `start` to before `end`, both in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Window:
    """Hours of some days of every week. `days` count from Monday, 0; `start` and `end` are minutes after midnight.

    One that goes over midnight belongs to the day on which it begins, and its `end` is beyond 1440.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: ZoneInfo
    text: str

    @classmethod
    def parse(cls, text: str) -> Window:
        """The window that a text says: days (none: every day), hours, zone. Raises UsageError."""
        found = _FORM.fullmatch(text.strip())
        if not found:
            raise _unreadable(text, "it is none")
        if not found["zone"]:
            raise _unreadable(text, "it has no zone")
        start, end = _minutes(found["start"], text), _minutes(found["end"], text)
        if start >= _DAY_MINUTES:
            raise _unreadable(text, "a day has no such hour")
        if start == end:
            raise _unreadable(text, "it ends when it begins; a whole day is 00:00-24:00")
        end += _DAY_MINUTES if end < start else 0
        return cls(_days(found["days"] or "", text), start, end, zone(found["zone"]), text.strip())

    def openings(self, after: datetime) -> Iterator[Opening]:
        """The times at which it is open and that end after `after`, in order and without end."""
        day = after.astimezone(self.zone).date() - timedelta(days=2)
        while day < date.max - timedelta(days=3):
            if day.weekday() in self.days:
                yield from (opening for opening in self._on(day) if opening.end > after)
            day += timedelta(days=1)

    def _on(self, day: date) -> list[Opening]:
        """The times at which it is open that belong to a day: one, none or two."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        begins, ends = midnight + timedelta(minutes=self.start), midnight + timedelta(minutes=self.end)
        found: list[Opening] = []
        # Where the offset stays the same, the wall's time is UTC moved by it.
        for start, end, offset in self._stretches(begins - _FURTHEST, ends + _FURTHEST):
            opens, closes = max(start, begins - offset), min(end, ends - offset)
            if opens >= closes:
                continue
            if found and found[-1].end == opens:
                found[-1] = Opening(found[-1].start, closes)
            else:
                found.append(Opening(opens, closes))
        return found

    def _stretches(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
        """The time from `start` to `end` in pieces, each with the one offset that the zone has in it."""
        begun, at = start, start
        while at < end:
            following = min(at + _HOUR, end)
            if self._offset(following) != self._offset(at):
                turn = self._turn(at, following)
                yield begun, turn, self._offset(at)
                begun = turn
            at = following
        yield begun, end, self._offset(begun)

    def _turn(self, before: datetime, after: datetime) -> datetime:
        """The second between the two at which the offset changes."""
        while after - before > timedelta(seconds=1):
            middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
            if self._offset(middle) == self._offset(before):
                before = middle
            else:
                after = middle
        return after

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.zone).utcoffset() or timedelta()


def _minutes(text: str, whole: str) -> int:
    hours, minutes = map(int, text.split(":"))
    total = hours * _HOUR_MINUTES + minutes
    if minutes >= _HOUR_MINUTES or total > _DAY_MINUTES:
        raise _unreadable(whole, f"{text} is no time of day")
    return total


def _days(text: str, whole: str) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, re.split(r"[,\s]+", re.sub(r"\s*-\s*", "-", text).strip())):
        if part.lower() == "daily":
            found.update(range(_WEEK))
            continue
        first, dash, last = part.partition("-")
        low = _day(first, whole)
        high = _day(last, whole) if dash else low
        found.update(day % _WEEK for day in range(low, high + 1 if high >= low else high + _WEEK + 1))
    return frozenset(found or range(_WEEK))


def _day(text: str, whole: str) -> int:
    short = text[:3].lower()
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    if short not in _DAYS or not names[_DAYS.index(short)].startswith(text.lower()):
        raise _unreadable(whole, f"{text or 'nothing'} is no day")
    return _DAYS.index(short)


def _unreadable(text: str, why: str) -> UsageError:
    remedy = 'Write it like "Sat 02:00-05:00 Europe/Berlin", "Mon-Thu,Sun 22:00-04:00 UTC" or "daily 01:00-03:00 UTC".'
    return UsageError("reading the window", on=f'"{text}"', why=why, remedy=remedy)

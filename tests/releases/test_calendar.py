"""Moments, windows and freezes, in zones that put their clocks forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.releases.calendar.freezes import Freeze, holding, next_opening
from ws_deployment.releases.calendar.moment import moment
from ws_deployment.releases.calendar.window import Opening, Window
from ws_deployment.releases.calendar.zones import shown, zone

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
    "Africa/Cairo",
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def told(openings: list[Opening]) -> list[str]:
    return [f"{opening.start:%m-%d %H:%M} {opening.end:%m-%d %H:%M}" for opening in openings]


@pytest.mark.parametrize(
    ("window", "after", "expected"),
    [
        ("Sat 02:00-05:00 Europe/Berlin", "2026-11-21T19:00", ["11-28 01:00 11-28 04:00", "12-05 01:00 12-05 04:00"]),
        ("Sat 02:00-05:00 Europe/Berlin", "2026-11-21T02:00", ["11-21 01:00 11-21 04:00"]),  # it is open now
        ("daily 23:00-24:00 UTC", "2026-11-21T19:00", ["11-21 23:00 11-22 00:00", "11-22 23:00 11-23 00:00"]),
        ("00:00-24:00 UTC", "2026-11-21T00:00", ["11-21 00:00 11-22 00:00"]),
        ("Fri-Mon 01:00-02:00 UTC", "2026-11-23T12:00", ["11-27 01:00 11-27 02:00", "11-28 01:00 11-28 02:00"]),
        ("saturday, Wed 1:00 - 2:00 UTC", "2026-11-21T12:00", ["11-25 01:00 11-25 02:00", "11-28 01:00 11-28 02:00"]),
        # Over midnight it belongs to the day on which it begins.
        ("Sat 22:00-02:00 Asia/Tokyo", "2026-11-22T00:00", ["11-28 13:00 11-28 17:00"]),
        ("Sat 22:00-02:00 UTC", "2026-11-22T01:00", ["11-21 22:00 11-22 02:00"]),
        # Clocks are put forward on 2026-03-29 at 02:00 (01:00 UTC) in Berlin: over its beginning, over all of it …
        ("Sun 02:00-05:00 Europe/Berlin", "2026-03-28T00:00", ["03-29 01:00 03-29 03:00", "04-05 00:00 04-05 03:00"]),
        ("Sun 01:00-02:30 Europe/Berlin", "2026-03-28T00:00", ["03-29 00:00 03-29 01:00"]),
        ("Sun 02:15-02:45 Europe/Berlin", "2026-03-28T00:00", ["04-05 00:15 04-05 00:45"]),
        ("Sat 22:00-04:00 Europe/Berlin", "2026-03-28T12:00", ["03-28 21:00 03-29 02:00"]),
        # … and back on 2026-10-25 at 03:00 (01:00 UTC).
        ("Sun 02:00-03:00 Europe/Berlin", "2026-10-24T12:00", ["10-25 00:00 10-25 02:00", "11-01 01:00 11-01 02:00"]),
        ("Sun 01:00-05:00 Europe/Berlin", "2026-10-24T12:00", ["10-24 23:00 10-25 04:00"]),
        ("Sun 02:15-02:45 Europe/Berlin", "2026-10-24T12:00", ["10-25 00:15 10-25 00:45", "10-25 01:15 10-25 01:45"]),
        ("Sat 22:00-02:30 Europe/Berlin", "2026-10-24T12:00", ["10-24 20:00 10-25 00:30", "10-25 01:00 10-25 01:30"]),
        # Half an hour, in the south; and a day that Samoa left out.
        ("Sun 02:00-03:00 Australia/Lord_Howe", "2026-10-03T00:00", ["10-03 15:30 10-03 16:00"]),
        ("Fri 10:00-11:00 Pacific/Apia", "2011-12-29T00:00", ["01-05 20:00 01-05 21:00"]),
    ],
)
def test_a_window_opens_by_the_clock_on_its_wall(window: str, after: str, expected: list[str]) -> None:
    openings = islice(Window.parse(window).openings(at(after)), len(expected))
    assert told(list(openings)) == expected


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sets(st.sampled_from(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]), min_size=1),
    st.integers(0, 95),
    st.integers(0, 96),
    st.integers(0, 16 * 365 * 86400).map(lambda seconds: at("2011-12-01T00:00") + timedelta(seconds=seconds)),
)
def test_it_is_open_exactly_while_the_wall_shows_a_time_in_it(
    name: str, days: set[str], start: int, end: int, moment: datetime
) -> None:
    if start == end:
        return
    text = f"{','.join(sorted(days))} {start // 4}:{start % 4 * 15:02}-{end // 4}:{end % 4 * 15:02} {name}"
    window = Window.parse(text)
    horizon = moment + timedelta(days=9)
    openings = list(takewhile(lambda one: one.start < horizon, window.openings(moment)))
    assert openings == sorted(openings, key=lambda one: one.start)
    for minutes in range(0, 8 * 1440, 97):
        when = moment + timedelta(minutes=minutes)
        wall = when.astimezone(zone(name))
        minute = wall.hour * 60 + wall.minute
        today, before = f"{wall:%a}", f"{wall.replace(tzinfo=None) - timedelta(days=1):%a}"
        same_day = today in days and start * 15 <= minute < (end * 15 if end > start else 1440)
        open_by_wall = same_day or (end < start and before in days and minute < end * 15)
        assert any(one.start <= when < one.end for one in openings) == open_by_wall, (text, when)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Sat 02:00-05:00", "no zone"),
        ("Sat 02:00-05:00 Europe/Berln", "none of that name"),
        ("Sat 02:00-05:00 ../etc/passwd", "it is none"),
        ("Sat 2-5 UTC", "it is none"),
        ("Satur 02:00-03:60 UTC", "no time of day"),
        ("Sat 24:00-25:00 UTC", "no time of day"),
        ("Sat 24:00-01:00 UTC", "no such hour"),
        ("Someday 02:00-05:00 UTC", "is no day"),
        ("Mon- 02:00-05:00 UTC", "is no day"),
        ("Sat 02:00-02:00 UTC", "ends when it begins"),
        ("", "it is none"),
    ],
)
def test_a_window_that_is_none_is_told(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Window.parse(text)


def test_a_misspelt_zone_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Europe/Berlin"):
        Window.parse("Sat 02:00-05:00 Europe/Berln")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-28T02:00:00+01:00", "2026-11-28T01:00"),
        ("2026-11-28T01:00Z", "2026-11-28T01:00"),
        ("2026-11-28 02:00+05:45", "2026-11-27T20:15"),
        ("2026-07-01T02:00[Europe/Berlin]", "2026-07-01T00:00"),
        ("2026-07-01T02:00+02:00[Europe/Berlin]", "2026-07-01T00:00"),
    ],
)
def test_a_time_with_its_zone_is_a_moment(text: str, expected: str) -> None:
    assert moment(text) == at(expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-28T02:00", "it has no zone"),
        ("2026-11-28", "it has no zone"),
        ("tomorrow", "it is none"),
        ("2026-03-29T02:30[Europe/Berlin]", "no such time in that zone"),
        ("2026-10-25T02:30[Europe/Berlin]", r"2026-10-25T02:30:00\+02:00 or 2026-10-25T02:30:00\+01:00"),
        ("2026-07-01T02:00+01:00[Europe/Berlin]", "its offset is not the zone's"),
        ("2026-07-01T02:00[Mars/Base]", "none of that name"),
    ],
)
def test_a_time_that_could_be_meant_otherwise_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        moment(text)


def test_a_freeze_moves_a_window_on_and_leaves_what_it_does_not_cover() -> None:
    window = Window.parse("Sat 02:00-05:00 UTC")
    now = at("2026-11-21T06:00")
    whole = Freeze(at("2026-11-27T00:00"), at("2026-11-30T00:00"), "sale")
    part = Freeze(at("2026-12-05T00:00"), at("2026-12-05T03:00"), "report", "org/alpha")
    assert told([next_opening(window, "org/alpha", now, [])]) == ["11-28 02:00 11-28 05:00"]
    assert told([next_opening(window, "org/alpha", now, [whole])]) == ["12-05 02:00 12-05 05:00"]
    assert told([next_opening(window, "org/alpha", now, [whole, part])]) == ["12-05 03:00 12-05 05:00"]
    assert told([next_opening(window, "org/beta", now, [whole, part])]) == ["12-05 02:00 12-05 05:00"]


def test_an_opening_that_has_begun_is_not_the_next_one() -> None:
    window = Window.parse("Sat 02:00-05:00 UTC")
    assert told([next_opening(window, "org/alpha", at("2026-11-21T03:00"), [])]) == ["11-28 02:00 11-28 05:00"]
    assert told([next_opening(window, "org/alpha", at("2026-11-21T02:00"), [])]) == ["11-21 02:00 11-21 05:00"]


def test_a_freeze_without_end_is_told() -> None:
    window = Window.parse("Sat 02:00-05:00 UTC")
    with pytest.raises(RefusedError, match="until it is lifted: audit"):
        next_opening(window, "org/alpha", at("2026-11-21T06:00"), [Freeze(at("2026-11-01T00:00"), None, "audit")])


def test_of_several_freezes_the_one_that_ends_last_is_told() -> None:
    short = Freeze(at("2026-11-01T00:00"), at("2026-11-02T00:00"), "short")
    long = Freeze(at("2026-11-01T00:00"), at("2026-11-09T00:00"), "long")
    assert holding([long, short], "org/alpha", at("2026-11-01T12:00")) == long
    assert holding([long, short], "org/alpha", at("2026-11-02T00:00")) == long
    assert holding([short], "org/alpha", at("2026-11-02T00:00")) is None


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 200), st.sampled_from(["", "org/a", "org/b"])), max_size=5),
    st.integers(0, 300),
)
def test_the_next_opening_is_the_first_time_that_is_open_and_not_frozen(
    frozen: list[tuple[int, int, str]], hours: int
) -> None:
    begin = at("2026-03-20T00:00")
    freezes = [
        Freeze(begin + timedelta(hours=low), begin + timedelta(hours=low + length), "x", cluster)
        for low, length, cluster in frozen
    ]
    window, after = Window.parse("Sat,Sun 22:30-03:00 Europe/Berlin"), begin + timedelta(hours=hours)
    found = next_opening(window, "org/a", after, freezes)
    assert after <= found.start < found.end
    assert not any(freeze.holds("org/a", found.start) for freeze in freezes)
    whole = next(one for one in window.openings(found.start) if one.start <= found.start)
    assert found.end <= whole.end
    # Nothing before it would have done, but for what was open at `after` already.
    for one in takewhile(lambda one: one.start < found.start, window.openings(after)):
        for minute in range(int((min(one.end, found.start) - one.start) / timedelta(minutes=30))):
            when = one.start + timedelta(minutes=30 * minute)
            before_it = when < after or one.start < after
            assert before_it or any(freeze.holds("org/a", when) for freeze in freezes)


def test_moments_are_shown_in_their_zone_and_in_utc() -> None:
    assert shown(at("2026-11-28T01:00"), zone("Europe/Berlin")) == "Sat 2026-11-28 02:00 CET (01:00 UTC)"
    assert shown(at("2026-11-28T20:00"), zone("Asia/Tokyo")) == "Sun 2026-11-29 05:00 JST (Sat 20:00 UTC)"
    assert shown(at("2026-11-28T01:00"), zone("UTC")) == shown(at("2026-11-28T01:00")) == "Sat 2026-11-28 01:00 UTC"

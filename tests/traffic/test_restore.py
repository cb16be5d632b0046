from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.traffic.ramp import Registration, Write, ramp
from ws_deployment.traffic.restore import Weight, applied, read, recorded, takes_starts, way_back, weights

Registrations = dict[str, Registration]

OLD = Registration("eu16", 50, available=True, url="https://16")
NEW = Registration("eu17", 30, available=False)
BEFORE = {"eu16": OLD, "eu17": NEW}


@st.composite
def shifts(draw: st.DrawFn) -> tuple[Registrations, list[Write], int, bool]:
    """Registrations before a shift, its writes, how many were journaled, and whether one more was made."""
    scores = draw(st.lists(st.integers(1, 100), min_size=1, max_size=4))
    old = [Registration(f"old{i}", score, available=True) for i, score in enumerate(scores)]
    new = [Registration(f"new{i}", draw(st.integers(0, 100)), available=False) for i in range(draw(st.integers(1, 4)))]
    other = [Registration("other", 20, draw(st.booleans()))]
    percents = [*sorted(draw(st.sets(st.integers(1, 99), max_size=4))), 100]
    stages = ramp([n.name for n in new], [o.name for o in old], [*old, *new], percents, hold=0)
    writes = [write for stage in stages for write in stage.writes]
    journaled = draw(st.integers(0, len(writes)))
    return {each.name: each for each in (*old, *new, *other)}, writes, journaled, draw(st.booleans())


def after(now: Registrations, writes: Sequence[Write]) -> Registrations:
    for write in writes:
        now = applied(now, write)
    return now


def reached(before: Registrations, writes: Sequence[Write], journaled: int) -> dict[str, set[Weight]]:
    """What the shift may have written: what was journaled, and one more."""
    return weights(before, writes[: journaled + 1])


@given(shift=shifts(), cuts=st.lists(st.integers(0, 20), max_size=3))
def test_every_state_leads_back_however_often_it_is_cut_off(
    shift: tuple[Registrations, list[Write], int, bool], cuts: list[int]
) -> None:
    before, writes, journaled, one_more = shift
    seen = reached(before, writes, journaled)
    now = after(before, writes[: journaled + one_more])
    for cut in [*cuts, None]:
        back = way_back(before, now, seen)
        assert (back.changed, back.gone, back.homeless) == ({}, {}, False)
        for write in back.writes[:cut]:
            now = applied(now, write)
            assert takes_starts(now.values()), f"starts have no home after {write}"
    assert now == before
    assert way_back(before, now, seen).writes == ()


@given(shift=shifts(), data=st.data())
def test_what_the_shift_did_not_write_is_never_overwritten_unasked(
    shift: tuple[Registrations, list[Write], int, bool], data: st.DataObject
) -> None:
    before, writes, journaled, one_more = shift
    seen = reached(before, writes, journaled)
    now = after(before, writes[: journaled + one_more])
    name = data.draw(st.sampled_from(sorted(before)))
    score = data.draw(st.integers(101, 200))
    back = way_back(before, {**now, name: replace(now[name], score=score)}, seen)
    touched = set(seen)
    assert set(back.changed) == ({name} & touched)
    assert {write.cluster for write in back.writes} <= touched


SHIFT = [
    Write("eu17", "score", 5), Write("eu17", "cordoned", 0), Write("eu16", "score", 45),
    Write("eu17", "score", 50), Write("eu16", "score", 0), Write("eu16", "cordoned", 1),
]  # fmt: skip


def test_old_ones_come_up_before_new_ones_go_down() -> None:
    back = way_back(BEFORE, after(BEFORE, SHIFT), reached(BEFORE, SHIFT, 6))
    assert [str(write) for write in back.writes] == [
        "score eu16 = 50", "uncordon eu16", "cordon eu17", "score eu17 = 30",
    ]  # fmt: skip
    assert back.scores == {"eu16": 50, "eu17": 0}


@pytest.mark.parametrize(
    ("journaled", "changed"),
    [
        (3, {"score": 45, "available": False}),  # cordoned by a hand at 10 %
        (3, {"score": 0, "available": False}),  # what a later run left; this one never came so far
        (6, {"score": 60, "available": True}),
    ],
)
def test_a_weight_that_the_shift_never_wrote_is_told(journaled: int, changed: dict[str, int]) -> None:
    now = after(BEFORE, SHIFT[:journaled])
    now["eu16"] = replace(now["eu16"], **changed)  # type: ignore[arg-type]  # fields of both types
    back = way_back(BEFORE, now, reached(BEFORE, SHIFT, journaled))
    assert set(back.changed) == {"eu16"}
    assert f"score {changed['score']}" in back.changed["eu16"]


def test_an_old_cluster_that_is_gone_is_told_and_left_out() -> None:
    other = Registration("us3", 50, available=True)
    now = after(BEFORE, SHIFT)
    del now["eu16"]
    alone = way_back(BEFORE, now, reached(BEFORE, SHIFT, 6))
    assert (set(alone.gone), alone.homeless) == ({"eu16"}, True)
    assert not way_back({**BEFORE, "us3": other}, {**now, "us3": other}, reached(BEFORE, SHIFT, 6)).homeless
    now["eu16"] = replace(OLD, url="https://another")
    back = way_back(BEFORE, now, reached(BEFORE, SHIFT, 6))
    assert back.gone == {"eu16": "registered with https://another, not https://16"}
    assert {write.cluster for write in back.writes} == {"eu17"}


def test_a_new_cluster_that_is_gone_needs_nothing() -> None:
    now = after(BEFORE, SHIFT)
    del now["eu17"]
    back = way_back(BEFORE, now, reached(BEFORE, SHIFT, 6))
    assert (back.gone, {write.cluster for write in back.writes}) == ({}, {"eu16"})


def test_nothing_to_go_back_to_is_told() -> None:
    before = {"eu17": NEW}
    shift = [Write("eu17", "score", 50), Write("eu17", "cordoned", 0)]
    assert way_back(before, after(before, shift), reached(before, shift, 2)).homeless


def test_another_writers_split_counts_by_starts() -> None:
    now = {"eu16": replace(OLD, score=0), "eu17": replace(NEW, score=50, available=True)}
    back = way_back(BEFORE, now, reached(BEFORE, SHIFT, 6), exact=False)
    assert back.changed == {}
    assert back.writes
    done = {"eu16": OLD, "eu17": replace(NEW, score=0, available=True)}
    assert way_back(BEFORE, done, reached(BEFORE, SHIFT, 6), exact=False).writes == ()


def test_what_is_recorded_can_be_read() -> None:
    for each in (OLD, NEW, Registration("s", 1, available=True, max_score=7, static=True)):
        assert read(each.name, recorded(each)) == each

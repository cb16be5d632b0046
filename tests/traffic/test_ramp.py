from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.traffic.ramp import HIGHEST_SCORE, Registration, Stage, Write, ramp, shares

STAGES = st.lists(st.integers(1, 99), max_size=5, unique=True).map(lambda values: [*sorted(values), 100])
SCORES = st.lists(st.integers(1, 100), min_size=1, max_size=6)


def cordoned(name: str) -> Registration:
    return Registration(name, score=50, available=False)


def applied(now: dict[str, Registration], write: Write) -> dict[str, Registration]:
    before = now[write.cluster]
    after = (
        replace(before, score=write.value) if write.property == "score" else replace(before, available=not write.value)
    )
    return {**now, write.cluster: after}


def states(now: dict[str, Registration], stages: tuple[Stage, ...]) -> list[dict[str, Registration]]:
    """Every state of the meta cluster that the ramp passes through."""
    seen = [now]
    for write in (write for stage in stages for write in stage.writes):
        seen.append(applied(seen[-1], write))
    return seen


@given(old_scores=SCORES, new_count=st.integers(1, 6), percents=STAGES)
def test_no_state_on_the_way_leaves_starts_without_a_home(
    old_scores: list[int], new_count: int, percents: list[int]
) -> None:
    old = [Registration(f"old{i}", score, available=True) for i, score in enumerate(old_scores)]
    new = [cordoned(f"new{i}") for i in range(new_count)]
    there = {registration.name: registration for registration in (*old, *new)}
    stages = ramp([n.name for n in new], [o.name for o in old], [*old, *new], percents, hold=1)
    for state in states(there, stages):
        assert sum(registration.effective for registration in state.values()) > 0
    last = states(there, stages)[-1]
    assert all(not last[o.name].available and last[o.name].score == 0 for o in old)
    assert all(last[n.name].effective > 0 for n in new)


@given(old_scores=SCORES, new_count=st.integers(1, 6), percents=STAGES)
def test_scores_are_whole_and_within_their_range(old_scores: list[int], new_count: int, percents: list[int]) -> None:
    old = [Registration(f"old{i}", score, available=True) for i, score in enumerate(old_scores)]
    new = [cordoned(f"new{i}") for i in range(new_count)]
    for stage in ramp([n.name for n in new], [o.name for o in old], [*old, *new], percents, hold=1):
        assert all(0 <= score <= HIGHEST_SCORE for score in stage.scores.values())


@given(percents=STAGES)
def test_the_wanted_share_is_met_within_one_point_between_two_full_scores(percents: list[int]) -> None:
    old, new = Registration("old", 100, available=True), cordoned("new")
    there = {"old": old, "new": new}
    for stage in ramp(["new"], ["old"], [old, new], percents, hold=1):
        for write in stage.writes:
            there = applied(there, write)
        assert shares(list(there.values()))["new"] == pytest.approx(stage.percent, abs=1)


def test_without_old_clusters_all_traffic_goes_over_at_once() -> None:
    (stage,) = ramp(["eu17"], [], [cordoned("eu17")], [10, 50, 100], hold=900)
    assert stage.percent == 100
    assert [str(write) for write in stage.writes] == ["uncordon eu17"]
    assert stage.hold == 0


def test_new_comes_up_before_old_goes_down_and_old_is_cordoned_last() -> None:
    there = [Registration("eu16", 50, available=True), cordoned("eu17")]
    stages = ramp(["eu17"], ["eu16"], there, [10, 100], hold=900)
    assert [[str(write) for write in stage.writes] for stage in stages] == [
        ["score eu17 = 5", "uncordon eu17", "score eu16 = 45"],
        ["score eu17 = 50", "score eu16 = 0", "cordon eu16"],
    ]
    assert [stage.hold for stage in stages] == [900, 0]


def test_clusters_outside_the_group_keep_their_share() -> None:
    there = [Registration("eu16", 50, available=True), Registration("us3", 50, available=True), cordoned("eu17")]
    stages = ramp(["eu17"], ["eu16"], there, [40, 100], hold=0)
    now = {registration.name: registration for registration in there}
    for stage in stages:
        for write in stage.writes:
            now = applied(now, write)
        assert shares(list(now.values()))["us3"] == pytest.approx(50, abs=1)


@given(old_scores=SCORES, new_count=st.integers(1, 6), percents=STAGES, cut=st.integers(0, 40))
def test_a_ramp_that_was_cut_off_goes_on_and_keeps_the_groups_sum(
    old_scores: list[int], new_count: int, percents: list[int], cut: int
) -> None:
    old = [Registration(f"old{i}", score, available=True) for i, score in enumerate(old_scores)]
    new = [cordoned(f"new{i}") for i in range(new_count)]
    there = {registration.name: registration for registration in (*old, *new)}
    names = [n.name for n in new], [o.name for o in old]
    whole = ramp(*names, [*old, *new], percents, hold=1)
    reached = states(there, whole)[min(cut, len(states(there, whole)) - 1)]
    rest = ramp(*names, list(reached.values()), percents, hold=1)
    taken = sum(reached[n.name].effective for n in new)
    total = sum(registration.effective for registration in reached.values())
    if taken < total:
        assert rest[0].percent >= 100 * taken / total
        assert sum(rest[-1].scores.values()) >= min(total, HIGHEST_SCORE * new_count)

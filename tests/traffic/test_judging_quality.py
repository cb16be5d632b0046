"""The two errors of the gates' own code over simulated shifts: a small part of benches/judging.py, by fixed seeds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benches"))

from shifts import Fixed, Judge, Ours, Outcome, Plain, many

SHIFTS = 200


def ends(judged: Callable[[], Judge], times: float, *, ratio: float, rate: float, count: int = SHIFTS) -> list[Outcome]:
    return many(count, ("test", ratio, rate, times), judged, old_ratio=ratio, times=times, rate=rate)


@pytest.mark.parametrize(("ratio", "rate"), [(0.05, 100), (0.20, 30)])
def test_where_the_starts_suffice_both_errors_are_small(ratio: float, rate: float) -> None:
    healthy = ends(Ours, 1, ratio=ratio, rate=rate)
    assert sum(one.end == "back" for one in healthy) <= SHIFTS // 100
    assert sum(one.end == "through" for one in healthy) >= SHIFTS * 99 // 100
    sick = ends(Ours, 3, ratio=ratio, rate=rate)
    assert sum(one.end == "back" and one.part < 0.5 for one in sick) >= SHIFTS * 99 // 100


def test_where_they_do_not_suffice_it_holds_and_does_not_guess() -> None:
    healthy = ends(Ours, 1, ratio=0.02, rate=1, count=50)
    sick = ends(Ours, 3, ratio=0.02, rate=1, count=50)
    assert sum(one.end == "back" for one in healthy) == 0
    assert sum(one.end == "held" for one in healthy) >= 45
    assert {one.end for one in sick} <= {"held", "back"}


@pytest.mark.parametrize("judged", [Fixed, Plain])
def test_the_others_would_not_pass_this(judged: object) -> None:
    """That the simulation can tell a bad judge: the tests above can fail."""
    healthy = ends(judged, 1, ratio=0.05, rate=30, count=50)
    assert sum(one.end == "back" for one in healthy) > 25

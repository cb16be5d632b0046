from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.config.gates import Comparison
from ws_deployment.traffic.foresight import foretold, minutes_needed

COMPARISON = Comparison(bad="bad{{cluster}}", all="all{{cluster}}")


def test_twice_the_starts_take_half_the_time() -> None:
    slow = minutes_needed(COMPARISON, new_rate=1, old_rate=9, old_ratio=0.05)
    fast = minutes_needed(COMPARISON, new_rate=2, old_rate=18, old_ratio=0.05)
    assert slow == pytest.approx([2 * minutes for minutes in fast])


@given(new=st.floats(0.01, 100), old=st.floats(0, 100), ratio=st.floats(0, 0.9))
def test_it_is_never_less_than_min_starts_take(new: float, old: float, ratio: float) -> None:
    good, bad = minutes_needed(COMPARISON, new_rate=new, old_rate=old, old_ratio=ratio)
    assert min(good, bad) >= COMPARISON.min_starts / new - 1e-6


def test_without_starts_it_never_knows() -> None:
    assert minutes_needed(COMPARISON, new_rate=0, old_rate=9, old_ratio=0.05) == (math.inf, math.inf)


@pytest.mark.parametrize(
    ("minutes", "rate", "text"),
    [
        (0.2, 120, "inconclusive for about 1 min at 120 starts a minute"),
        (33.5, 10, "inconclusive for about 34 min at 10 starts a minute"),
        (180, 2, "inconclusive for about 3 h at 2 starts a minute"),
        (10000, 0.125, "inconclusive for about 7 days at 0.12 starts a minute"),
        (math.inf, 1, "inconclusive at 1 start a minute"),
    ],
)
def test_it_is_told_as_people_say_it(minutes: float, rate: float, text: str) -> None:
    assert foretold(minutes, rate) == text

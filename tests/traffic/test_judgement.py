from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.config.condition import parse
from ws_deployment.traffic.judgement import judge_value

GOOD, BAD = parse("<= 20"), parse("> 50")


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([20.0], "success"),
        ([50.0], "inconclusive"),
        ([50.1], "failed"),
        ([math.inf], "failed"),
        ([-math.inf], "error"),
        ([math.nan], "error"),
        ([], "error"),
        ([1.0, 2.0], "error"),
    ],
)
def test_a_value_is_good_bad_or_in_between(values: list[float], verdict: str) -> None:
    judged = judge_value(values, GOOD, BAD)
    assert judged.verdict == verdict
    assert judged.text


def test_one_condition_alone_knows_no_in_between() -> None:
    assert [judge_value([x], GOOD, None).verdict for x in (20, 21)] == ["success", "failed"]
    assert [judge_value([x], None, BAD).verdict for x in (50, 51)] == ["success", "failed"]


@pytest.mark.parametrize("samples", [[], [19.0], [math.nan], [9.0, 10.0]])
def test_what_rests_on_too_little_is_inconclusive_whatever_its_value(samples: list[float]) -> None:
    for values in ([1.0], [99.0], [math.nan], []):
        assert judge_value(values, GOOD, BAD, samples=samples).verdict == "inconclusive"
    assert judge_value([1.0], GOOD, BAD, samples=[12.0, 8.0]).verdict == "success"
    assert judge_value([1.0], GOOD, BAD, samples=[3.0], min_samples=3).verdict == "success"


@given(
    values=st.lists(st.floats(), max_size=3),
    both=st.sampled_from([(GOOD, BAD), (GOOD, None), (None, BAD), (parse("!= 1"), None), (None, parse("== 1"))]),
)
def test_nothing_but_one_finite_number_is_ever_good(values: list[float], both: tuple[None, None]) -> None:
    if judge_value(values, *both).verdict == "success":
        assert len(values) == 1
        assert math.isfinite(values[0])

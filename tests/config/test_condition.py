from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.config.condition import in_common, parse, satisfiable

SIGNS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
NUMBERS = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6))
TERMS = st.tuples(st.sampled_from(list(SIGNS)), NUMBERS)
ALTERNATIVES = st.lists(st.lists(TERMS, min_size=1, max_size=3), min_size=1, max_size=3)
SPACES = st.sampled_from(["", " ", "  "])


def written(alternatives: list[list[tuple[str, float]]], space: str = " ") -> str:
    return " or ".join(" and ".join(f"{sign}{space}{bound!r}" for sign, bound in terms) for terms in alternatives)


@given(alternatives=ALTERNATIVES, value=NUMBERS, space=SPACES)
def test_a_condition_means_what_it_says(alternatives: list[list[tuple[str, float]]], value: float, space: str) -> None:
    meant = any(all(SIGNS[sign](value, bound) for sign, bound in terms) for terms in alternatives)
    text = written(alternatives, space)
    if len(text) <= 200:
        assert parse(text).holds(value) is meant


@given(alternatives=ALTERNATIVES)
def test_nothing_holds_for_nan(alternatives: list[list[tuple[str, float]]]) -> None:
    text = written(alternatives)
    if len(text) <= 200:
        assert not parse(text).holds(math.nan)


@given(one=ALTERNATIVES, other=ALTERNATIVES, value=NUMBERS)
def test_what_both_hold_for_is_found_wherever_it_is(
    one: list[list[tuple[str, float]]], other: list[list[tuple[str, float]]], value: float
) -> None:
    if max(len(written(one)), len(written(other))) > 200:
        return
    first, second = parse(written(one)), parse(written(other))
    found = in_common(first, second)
    if found is None:
        assert not (first.holds(value) and second.holds(value))
    else:
        assert first.holds(found)
        assert second.holds(found)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("< 0.05", "> 0.05", False),
        ("<= 0.05", ">= 0.05", True),
        ("< 1 or > 10", "> 2 and < 9", False),
        ("!= 0", "== 0", False),
        ("> 1", "> 100", True),
    ],
)
def test_contradictions(one: str, other: str, both: bool) -> None:
    assert (in_common(parse(one), parse(other)) is not None) is both


def test_a_condition_that_never_holds_is_known() -> None:
    assert not satisfiable(parse("< 1 and > 2"))
    assert satisfiable(parse("< 1 and > 2 or == 7"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at column 1 nothing stands"),
        ("0.05", "at column 1 `0.05` stands"),
        ("=< 3", "at column 1 `=< 3` stands"),
        ("< 5 %", "at column 5 `%` stands where `and` or `or` is wanted"),
        ("< 5 and", "at column 8 nothing stands"),
        ("< 5 xor > 3", "at column 5 `xor > 3` stands"),
        ("< NaN", "at column 1 `< NaN` stands"),
        ("< 1e999", "1e999 is too large"),
        ("<" * 300, "200 characters at most"),
    ],
)
def test_what_is_no_condition_is_told_with_its_column(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(text)
    assert said in str(caught.value)

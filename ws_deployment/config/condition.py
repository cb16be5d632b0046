"""Conditions on a number as people write them: `< 0.05`, `>= 1 and < 5`, `< 1 or > 10`; `and` binds closer."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_TERM = re.compile(rf"\s*(<=|>=|==|!=|<|>)\s*({_NUMBER})\s*")
_WORD = re.compile(r"(and|or)\b")
#: Longer texts are no conditions that anybody can read.
_LONGEST = 200


@dataclass(frozen=True)
class Condition:
    """A condition: `text` as written, `alternatives` of which one has to hold with all of its terms."""

    text: str
    alternatives: tuple[tuple[tuple[str, float], ...], ...]

    def holds(self, value: float) -> bool:
        """Whether it holds for `value`. Nothing holds for NaN, not even `!= 1`."""
        if math.isnan(value):
            return False
        return any(all(_OPERATORS[sign](value, bound) for sign, bound in terms) for terms in self.alternatives)

    @property
    def bounds(self) -> list[float]:
        """The numbers it names, rising, each once."""
        return sorted({bound for terms in self.alternatives for _, bound in terms})


def parse(text: str) -> Condition:
    """The condition that `text` writes. Raises ValueError with the column where it is none."""
    if len(text) > _LONGEST:
        raise ValueError(f"a condition has {_LONGEST} characters at most")
    alternatives: list[tuple[tuple[str, float], ...]] = []
    terms: list[tuple[str, float]] = []
    at = 0
    while True:
        term = _TERM.match(text, at)
        if not term:
            raise ValueError(f"{_quoted(text)} is no condition: {_found(text, at)}; write it like `< 0.05`")
        terms.append((term[1], _finite(text, term[2])))
        at = term.end()
        if at == len(text):
            return Condition(text, (*alternatives, tuple(terms)))
        word = _WORD.match(text, at)
        if not word:
            raise ValueError(f"{_quoted(text)} is no condition: {_found(text, at, 'and` or `or')}")
        if word[1] == "or":
            alternatives.append(tuple(terms))
            terms = []
        at = word.end()


def in_common(one: Condition, other: Condition) -> float | None:
    """A number that both hold for; None where there is none. What neither names can't tell them apart."""
    return next(
        (value for value in _samples([*one.bounds, *other.bounds]) if one.holds(value) and other.holds(value)), None
    )


def satisfiable(condition: Condition) -> bool:
    """Whether it holds for any number."""
    return in_common(condition, condition) is not None


def _samples(bounds: Iterable[float]) -> list[float]:
    """A number of each part into which `bounds` cut the line: each bound, one between two, one beyond each end."""
    rising = sorted(set(bounds))
    between = [low / 2 + high / 2 for low, high in pairwise(rising)]
    return [*rising, *between, -math.inf, math.inf]


def _finite(text: str, number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{_quoted(text)}: {number} is too large")
    return value


def _found(text: str, at: int, wanted: str = "< <= > >= == != and a number") -> str:
    start = at + len(text[at:]) - len(text[at:].lstrip())
    rest = text[start : start + 20]
    there = f"`{rest}` stands" if rest else "nothing stands"
    return f"at column {start + 1} {there} where `{wanted}` is wanted"


def _quoted(text: str) -> str:
    return f"`{text}`"

"""Versions of releases and of Kubernetes, compared as versions (https://semver.org), and ranges of them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

_PART = r"(?:0|[1-9]\d*)"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"v?({_PART})\.({_PART})\.({_PART})(?:-({_IDENTIFIERS}))?(?:\+({_IDENTIFIERS}))?")
_BOUND = re.compile(rf"(>=|<=|>|<|=)?\s*(v?{_PART}(?:\.{_PART}){{0,2}}(?:-{_IDENTIFIERS})?)")
_HOLDS = {
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
    "=": lambda one, other: one == other,
}


@functools.total_ordering
@dataclass(frozen=True)
class Version:
    """A version: equal and ordered by its numbers and what stands before it is out (`-rc.1`), however it is written.

    `text` is as it was written. What follows a `+` does not count.
    """

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()
    text: str = field(default="", compare=False)

    @classmethod
    def of(cls, text: str) -> Version:
        """Read `25.1.0`, `v1.33.4`, `26.0.0-rc.1`. Raises ValueError for anything else."""
        found = _VERSION.fullmatch(text)
        if not found:
            msg = f"`{text}` is no version; write it like 25.1.0"
            raise ValueError(msg)
        major, minor, patch, pre, _ = found.groups()
        return cls((int(major), int(minor), int(patch)), tuple(pre.split(".")) if pre else (), text)

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def __str__(self) -> str:
        return self.text

    def _order(self) -> tuple[object, ...]:
        """A version that is out comes after all that were before it; numbers come before words."""
        identifiers = tuple((0, int(one), "") if one.isdecimal() else (1, 0, one) for one in self.pre)
        return self.numbers, not self.pre, identifiers


@dataclass(frozen=True)
class Range:
    """Versions that hold all of some bounds: `>=25.0.0 <25.2`, or one version alone."""

    bounds: tuple[tuple[str, Version], ...]
    text: str

    @classmethod
    def of(cls, text: str) -> Range:
        """Read a range. Bounds may leave out minor or patch, which are then 0. Raises ValueError for anything else."""
        bounds = []
        left = text.replace(",", " ").strip()
        while left:
            found = _BOUND.match(left)
            if not found or (left[found.end() :] and not left[found.end()].isspace()):
                break
            sign, version = found[1] or "=", found[2]
            numbers, _, pre = version.partition("-")
            if sign == "=" and numbers.count(".") < 2:  # noqa: PLR2004  major.minor.patch
                break
            whole = numbers + ".0" * (2 - numbers.count(".")) + (f"-{pre}" if pre else "")
            bounds.append((sign, Version.of(whole)))
            left = left[found.end() :].strip()
        if left or not bounds:
            msg = f"`{text}` is no range of versions; write it like `>=25.0.0 <25.2.0`, or name one version"
            raise ValueError(msg)
        return cls(tuple(bounds), text)

    def __contains__(self, version: Version) -> bool:
        return all(_HOLDS[sign](version, bound) for sign, bound in self.bounds)

    def __str__(self) -> str:
        return self.text

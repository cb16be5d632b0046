"""When two values are the same to Kubernetes although they are written otherwise: quantities and durations."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

#: Quantities (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,3})?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
#: Durations as Go writes them (https://pkg.go.dev/time#ParseDuration).
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"[+-]?(?:{_DURATION_PART.pattern})+")
_SECONDS = {"ns": "1e-9", "us": "1e-6", "µs": "1e-6", "μs": "1e-6", "ms": "1e-3", "s": "1", "m": "60", "h": "3600"}
_LONGEST = 64


class Scalar(enum.Enum):
    """What the API says of a value that is neither mapping nor list."""

    QUANTITY = "quantity"  #: a number or text with a unit
    TEXT = "text"  #: a text; it may be a duration
    OTHER = "other"
    UNKNOWN = "unknown"  #: nobody says


def same(one: Any, other: Any, scalar: Scalar = Scalar.UNKNOWN) -> bool:
    """Whether two values mean the same; mappings and lists member by member.

    Where nobody says what a text is, numbers without a unit are none: "1.10" and "1.1" may be versions.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if type(one) is type(other) and one == other:
        return True
    return _is_written(one) and _is_written(other) and _same_written(one, other, scalar)


def quantity(value: Any) -> Decimal | None:
    """The number that a quantity stands for; None for what is none."""
    found = _QUANTITY.fullmatch(str(value)) if _is_written(value) else None
    if not found:
        return None
    number, unit = Decimal(found[1]), found[2] or ""
    if unit in _BINARY:
        return number * Decimal(2 ** _BINARY[unit])
    exponent = _DECIMAL[unit] if unit in _DECIMAL else int(unit[1:])
    return number.scaleb(exponent)


def seconds(value: Any) -> Decimal | None:
    """The seconds that a duration such as `1h30m` stands for; None for what is none."""
    if not isinstance(value, str) or len(value) > _LONGEST or not _DURATION.fullmatch(value):
        return None
    total = sum(
        (Decimal(number) * Decimal(_SECONDS[unit]) for number, unit in _DURATION_PART.findall(value)), Decimal()
    )
    return -total if value.startswith("-") else total


def _same_written(one: Any, other: Any, scalar: Scalar) -> bool:
    if not isinstance(one, str) and not isinstance(other, str):
        return bool(one == other)
    if scalar is Scalar.OTHER:
        return False
    if scalar is not Scalar.QUANTITY and seconds(one) is not None and seconds(one) == seconds(other):
        return True
    told = scalar is Scalar.QUANTITY or (scalar is Scalar.UNKNOWN and _looks_like_one(one, other))
    return told and quantity(one) is not None and quantity(one) == quantity(other)


def _looks_like_one(one: Any, other: Any) -> bool:
    """Whether two values look like quantities: one has a unit, or a whole number stands beside its text.

    A number with a point beside a text may be a version that lost its quotes: 1.1 and "1.10".
    """
    beside = isinstance(one, str) is not isinstance(other, str)
    return _has_unit(one) or _has_unit(other) or (beside and "." not in f"{one}{other}")


def _has_unit(value: Any) -> bool:
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    return bool(found and found[2] and found[2] in {*_DECIMAL, *_BINARY})


def _is_written(value: Any) -> bool:
    """Whether a quantity or duration may be written so."""
    return isinstance(value, int | float | str) and not isinstance(value, bool) and len(str(value)) <= _LONGEST

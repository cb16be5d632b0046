"""Durations as people write them: `90s`, `15m`, `1h30m`, or a number of seconds. Kept as seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(value: Any) -> Any:
    """Seconds of a text like `1h30m`; anything but a text is handed on for pydantic to judge.

    Raises ValueError for a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    if not _WHOLE.fullmatch(value):
        msg = f"{value!r} is no duration; write it like 90s, 15m or 1h30m"
        raise ValueError(msg)
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))


def format_duration(seconds: float) -> str:
    """`seconds` as people read it: `0.4s`, `12s`, `3m05s`, `2h10m`."""
    if seconds < 10:  # noqa: PLR2004  below ten seconds the tenths matter
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


#: Seconds, written as a number or as a text like `15m`.
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_WHOLE.pattern}$"}]}),
]

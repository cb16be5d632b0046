"""What is wrong in a config and where: marks, faults, and how both are shown to people and machines.

Finding faults is the work of the modules beside this one.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ws_deployment.config.source import Source

Severity = Literal["error", "warning"]
#: Keys and indices from the document's root to a value, as they are written: ("workspaceClusters", 0, "region").
KeyPath = tuple[str | int, ...]

#: Columns of a terminal that messages and excerpts are fitted to.
_WIDTH = 80
#: A quotation that is too long to be read in a message: its beginning and its end.
_LONG = re.compile(r"(`[^`]{60})[^`]{20,}([^`]{10}`)")
_BOLD, _RED, _YELLOW, _BLUE, _CYAN, _RESET = "\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;34m", "\033[36m", "\033[0m"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file. Line and column count from 1, columns in characters."""

    file: Path
    line: int
    column: int
    source: Source = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, why (`message`), what to do (`remedy`), and the path of the value.

    `length` is the number of characters at `where` that are at fault. `where` is None when it is about no place in a
    file; `message` then names what it is about. Texts of the file in `message` and `remedy` are brought onto one line
    and cut where they are long.
    """

    message: str
    remedy: str = ""
    where: Mark | None = None
    length: int = 1
    severity: Severity = "error"
    path: KeyPath = ()

    def __post_init__(self) -> None:
        for name in ("message", "remedy"):
            object.__setattr__(self, name, _LONG.sub(r"\1…\2", printable(" ".join(getattr(self, name).split()))))


def render(faults: Iterable[Fault], *, colour: bool) -> str:
    """All `faults` as text for people, by file and line: place, excerpt with the fault underlined, why, remedy.

    Ends with a line that counts them. The text fits 80 columns where paths and names allow it.
    """
    ordered = in_order(faults)
    painter = _Painter(colour=colour)
    return "\n\n".join([*(_render_one(fault, painter) for fault in ordered), _count(ordered, painter)])


def to_json(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """All `faults` by file and line as values that JSON can hold; `file`, `line`, `column` are null without a place."""
    return [
        {
            "severity": fault.severity,
            "file": str(fault.where.file) if fault.where else None,
            "line": fault.where.line if fault.where else None,
            "column": fault.where.column if fault.where else None,
            "length": fault.length,
            "message": fault.message,
            "remedy": fault.remedy,
            "path": list(fault.path),
        }
        for fault in in_order(faults)
    ]


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """`faults` by file, line and column, each once; those without a place first."""

    def key(fault: Fault) -> tuple[str, int, int]:
        return (str(fault.where.file), fault.where.line, fault.where.column) if fault.where else ("", 0, 0)

    return sorted(dict.fromkeys(faults), key=key)


class _Painter:
    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colour else text

    def severity(self, severity: Severity) -> str:
        return _RED if severity == "error" else _YELLOW


def _render_one(fault: Fault, paint: _Painter) -> str:
    place = f"{fault.where}: " if fault.where else ""
    label = f"{fault.severity}: "
    first, *rest = _wrap(place + label + fault.message, indent="  ", protect=len(place + label))
    head = paint(_BOLD, place) + paint(paint.severity(fault.severity), label) + first[len(place + label) :]
    lines = [head, *rest]
    if fault.where:
        lines += _excerpt(fault.where, fault.length, paint.severity(fault.severity), paint)
    if fault.remedy:
        first, *rest = _wrap(f"  help: {fault.remedy}", indent="        ")
        lines += [first.replace("help:", paint(_CYAN, "help:"), 1), *rest]
    return "\n".join(lines)


def _wrap(text: str, *, indent: str, protect: int = 0) -> list[str]:
    """Lines of at most 80 columns; the first `protect` characters are never broken."""
    shield = text[:protect].replace(" ", "\0")
    wrapped = textwrap.wrap(
        shield + text[protect:],
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in wrapped] or [text]


def _excerpt(mark: Mark, length: int, style: str, paint: _Painter) -> list[str]:
    text = mark.source.shown(mark.line)
    if not text.strip():
        return []
    number = f"{mark.line:>5}"
    room = _WIDTH - len(number) - 3
    start, length = mark.source.shown_span(mark.line, mark.column, length)
    cut = max(0, start - room // 2) if _columns(text) > room else 0
    window = text[cut:]
    if cut:
        window = "…" + window[1:]
    while _columns(window) > room:
        window = window[:-2] + "…"
    before, offending = window[: start - cut], window[start - cut : start - cut + length]
    under = " " * _columns(before) + "^" * max(1, _columns(offending))
    return [
        f"{paint(_BLUE, f'{number} |')} {window}",
        f"{paint(_BLUE, ' ' * len(number) + ' |')} {paint(style, under)}",
    ]


def printable(text: str) -> str:
    """`text` on one line without what could move a terminal's cursor."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)


def _count(faults: Sequence[Fault], paint: _Painter) -> str:
    errors = sum(fault.severity == "error" for fault in faults)
    counts = [(errors, "error", _RED), (len(faults) - errors, "warning", _YELLOW)]
    words = [paint(style, f"{number} {word}{'s' * (number != 1)}") for number, word, style in counts if number]
    return f"found {', '.join(words) or 'no faults'}"

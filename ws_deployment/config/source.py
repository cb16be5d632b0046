"""The text of one config file, by lines, as it was written. Parsing it is not done here."""

from __future__ import annotations

import re
from pathlib import Path

#: A key that names a secret, and the value after it on the same line.
_SECRET_LINE = re.compile(
    r"""(?i)(?P<key>[\w-]*(?:passw(?:or)?d|passphrase|token|secret|api_?key|private_?key|access_?key)["']?\s*:\s+)"""
    r"""(?P<value>(?!\$\{|\{|\||>)[^\s#].*)"""
)
_CREDENTIALS_IN_URL = re.compile(r"(://[^/\s:@]+:)[^/\s@]+@")
_BREAK = re.compile(r"\r\n|\n|\r")
_MASK = "***"


class Source:
    """One file's text. Lines count from 1."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = _BREAK.split(text)
        self._hidden: dict[int, set[tuple[int, int]]] = {}

    def line(self, number: int) -> str:
        """The line as it was written; empty beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def hide(self, line: int, column: int, length: int) -> None:
        """Show `***` for these characters from now on: a secret stands there."""
        self._hidden.setdefault(line, set()).add((column - 1, length))

    def shown(self, number: int) -> str:
        """The line as it may be shown: secrets masked, without what could move a terminal's cursor."""
        text = self.line(number)
        hidden = self._hidden.get(number, set())
        for start, length in sorted(hidden, reverse=True):
            text = text[:start] + _MASK + text[start + length :]
        if not hidden:
            text = _SECRET_LINE.sub(lambda match: match["key"] + _MASK, text)
        text = _CREDENTIALS_IN_URL.sub(rf"\1{_MASK}@", text)
        return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)

    def shown_span(self, number: int, column: int, length: int) -> tuple[int, int]:
        """Where in `shown` these characters begin (from 0), and how many they are there."""
        hidden = self._hidden.get(number, set())
        if (column - 1, length) in hidden:
            length = len(_MASK)
        moved = sum(len(_MASK) - cut for start, cut in hidden if start + cut < column)
        text = self.shown(number)
        start = max(0, min(column - 1 + moved, len(text)))
        return start, max(1, min(length, len(text) - start))

"""A page of text for people: headings, wrapped paragraphs with hanging indents, aligned columns, colours if wanted.

It only makes text; what stands on it is the business of `summary` and `plan`.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self, TextIO

from ws_deployment.output.glyphs import Glyphs, clean

#: Columns of a page that no terminal gives another width.
WIDTH = 80
#: Longer lines are hard to read, however wide the terminal is.
_WIDEST, _NARROWEST = 110, 50
#: Keeps a percent sign with its number while a text is wrapped.
_GLUE = "\u00a0"
_CODES = {
    "bold": "1",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "magenta": "35",
    "cyan": "36",
    "bright_black": "90",
}


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to write colours to `stream`; NO_COLOR and FORCE_COLOR decide where they are set (no-color.org)."""
    if environment.get("NO_COLOR"):
        return False
    return bool(environment.get("FORCE_COLOR")) or (stream.isatty() and environment.get("TERM") != "dumb")


class Item(NamedTuple):
    """What begins an entry of a list: a symbol with its colour, and a name."""

    symbol: str
    colour: str
    name: str
    indent: int = 2


@dataclass
class Page:
    """Collects lines; `text` gives them. `width` is in columns."""

    width: int = WIDTH
    glyphs: Glyphs = field(default_factory=Glyphs)
    colour: bool = False
    _lines: list[str] = field(default_factory=list)

    @classmethod
    def for_stream(cls, stream: TextIO, environment: Mapping[str, str] | None = None) -> Self:
        """A page as `stream` can show it: as wide as the terminal within reason, 80 columns where there is none."""
        environment = os.environ if environment is None else environment
        wide = shutil.get_terminal_size((WIDTH, 24)).columns if stream.isatty() else WIDTH
        width = min(max(wide, _NARROWEST), _WIDEST)
        return cls(width, Glyphs.of(stream.encoding), wants_colour(stream, environment))

    def text(self) -> str:
        """All of it, with a newline at the end."""
        return "\n".join(self._lines) + "\n"

    def paint(self, text: str, colour: str) -> str:
        """`text` in that colour, where colours are wanted."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colour and colour and text else text

    def blank(self) -> None:
        """Add an empty line, unless there is one."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def heading(self, text: str) -> None:
        """Add a heading with an empty line above it."""
        self.blank()
        self.wrapped(text, colour="bold")

    def wrapped(self, text: str, first: str = "", rest: str | None = None, colour: str = "") -> None:
        """Add a text, each of its lines wrapped; words are never torn, so that paths and commands can be copied.

        `first` stands before the first line, `rest` (default: blanks) before all others.
        """
        rest = " " * len(first) if rest is None else rest
        lead = first
        for line in clean(text).splitlines() or [""]:
            kept = line[: len(line) - len(line.lstrip())].expandtabs(4)
            pieces = textwrap.wrap(
                line.strip().replace(" %", f"{_GLUE}%"),
                max(self.width - max(len(lead), len(rest)) - len(kept), 20),
                break_long_words=False,
                break_on_hyphens=False,
            )
            for piece in pieces or [""]:
                shown = self.glyphs.spell(kept + piece.replace(_GLUE, " "))
                self._lines.append((self.glyphs.spell(lead) + self.paint(shown, colour)).rstrip())
                lead = rest

    def item(self, item: Item, text: str, column: int = 0) -> None:
        """Add an item and its text, which begins at `column` and hangs there, or right behind the name (0)."""
        blanks = " " * item.indent
        lead = f"{blanks}  {item.name}  "
        start = len(self._lines)
        if column and len(lead) > column:
            self._lines.append(lead.rstrip())
            self.wrapped(text, " " * column)
        else:
            self.wrapped(text, lead.ljust(column), " " * (column or item.indent + 4))
        self._lines[start] = f"{blanks}{self.paint(item.symbol, item.colour)} {self._lines[start][item.indent + 2 :]}"

    def verbatim(self, text: str, indent: int) -> None:
        """Add lines that must stay whole, such as commands."""
        self._lines += [" " * indent + self.glyphs.spell(line) for line in clean(text).splitlines()]

    def marked(self, mark: str, colour: str, text: str) -> None:
        """Add a line that must stay whole, with a mark before it."""
        self._lines.append(f"{self.paint(mark, colour)} {self.glyphs.spell(clean(text))}")

    def columns(self, rows: Sequence[Sequence[str]], indent: int = 2) -> None:
        """Add rows with their columns aligned, two blanks between."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)]
            self._lines.append(self.glyphs.spell(" " * indent + "  ".join(cells)).rstrip())

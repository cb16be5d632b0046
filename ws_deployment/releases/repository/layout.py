"""How a YAML text is laid out: its lines, its line ends, how far it indents. What it says is not looked at here."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

from ws_deployment.releases.repository.tree import Document, Mapping, Node, Sequence, dashes

_BREAK = re.compile(r"\r\n?|\n")
#: How far Kubernetes' own tools indent a mapping and, below a key, a list.
_STEP, _DASH = 2, 0


@dataclass(frozen=True, slots=True)
class Habits:
    """How many characters the text indents a mapping below its key (`step`), and a list's dash (`dash`)."""

    step: int = _STEP
    dash: int = _DASH


class Layout:
    """The lines of one text. Positions count characters from 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    def line_start(self, position: int) -> int:
        """Where the line of a position begins."""
        return self._starts[bisect_right(self._starts, position) - 1]

    def next_line(self, position: int) -> int:
        """Where the line after that of a position begins; the text's end where it is the last."""
        index = bisect_right(self._starts, position)
        return self._starts[index] if index < len(self._starts) else len(self.text)

    def line_end(self, position: int) -> int:
        """Where the line of a position ends, before its line end."""
        text = self.text[position : self.next_line(position)]
        return position + len(text.rstrip("\r\n"))

    def column(self, position: int) -> int:
        """How many characters stand before it in its line."""
        return position - self.line_start(position)

    def begins_line(self, position: int) -> bool:
        """Whether only blanks stand before it in its line."""
        return not self.text[self.line_start(position) : position].strip(" ")

    @cached_property
    def line_break(self) -> str:
        """How the text ends its first line; LF where it has but one."""
        found = _BREAK.search(self.text)
        return found[0] if found else "\n"

    @cached_property
    def _dashes(self) -> list[int]:
        return dashes(self.text)

    def dash_of(self, item: Node) -> int:
        """Where the dash of a block list's item stands."""
        return self._dashes[bisect_left(self._dashes, item.start) - 1]


def habits(layout: Layout, documents: list[Document]) -> Habits:
    """How a text indents, by the first mapping and the first list below a key that it has."""
    step = dash = -1
    waiting: list[Node] = [document.root for document in reversed(documents)]
    while waiting and (step < 0 or dash < 0):
        node = waiting.pop()
        if isinstance(node, Sequence):
            waiting += reversed(node.items)
        if not isinstance(node, Mapping) or node.flow:
            continue
        for entry in node.entries:
            value, column = entry.value, layout.column(entry.key.start)
            if isinstance(value, Mapping) and value.entries and not value.flow and step < 0:
                step = layout.column(value.entries[0].key.start) - column
            if isinstance(value, Sequence) and value.items and not value.flow and dash < 0:
                dash = layout.column(layout.dash_of(value.items[0])) - column
        waiting += reversed([entry.value for entry in node.entries])
    return Habits(step if step > 0 else _STEP, dash if dash >= 0 else _DASH)

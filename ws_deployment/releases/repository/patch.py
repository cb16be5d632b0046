"""Pieces of a text put in the place of others: kept while they are found, made all at once."""

from __future__ import annotations

from typing import NamedTuple

from ws_deployment.releases.repository.layout import Layout
from ws_deployment.releases.repository.render import indented
from ws_deployment.releases.repository.tree import UneditableError


class _Piece(NamedTuple):
    """Sorts insertions before what begins at the same place, and otherwise in the order in which they were found."""

    start: int
    covers: bool
    order: int
    end: int
    text: str


class Patch:
    """Changes of one text. Positions are those of the text as it was."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._pieces: list[_Piece] = []
        self._ended = not layout.text or layout.text[-1] in "\r\n"

    def put(self, start: int, end: int, text: str) -> None:
        """Put `text` in the place of what stands from `start` to before `end`."""
        self._pieces.append(_Piece(start, end > start, len(self._pieces), end, text))

    def put_lines(self, position: int, lines: list[str], indent: int) -> None:
        """Put whole lines before the line that begins at `position`, or behind the last one, which is ended then."""
        ending = self.layout.line_break
        if position == len(self.layout.text) and not self._ended:
            self.put(position, position, ending)
            self._ended = True
        self.put(position, position, "".join(f"{line}{ending}" for line in indented(lines, indent)))

    def put_hanging(self, start: int, end: int, lines: list[str], indent: int) -> None:
        """Put lines in the place of what stands there, the first where that began, the others indented."""
        first, *rest = lines
        self.put(start, end, self.layout.line_break.join([first, *indented(rest, indent)]))

    def drop_lines(self, start: int, end: int) -> None:
        """Take away the lines from that of `start` to that of `end`, whole."""
        self.put(self.layout.line_start(start), self.layout.next_line(end), "")

    def covers(self, position: int) -> bool:
        """Whether what stands there is taken away."""
        return any(piece.start <= position < piece.end for piece in self._pieces)

    def made(self) -> str:
        """The text with all changes. Raises UneditableError where two would change the same."""
        text, parts, at = self.layout.text, [], 0
        for piece in sorted(self._pieces):
            if piece.start < at:
                raise UneditableError(text.count("\n", 0, piece.start) + 1, "two changes meet there")
            parts += [text[at : piece.start], piece.text]
            at = piece.end
        return "".join([*parts, text[at:]])

"""The live view on a terminal: draws the screen a few times a second and leaves the last one standing."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ws_deployment.engine.events import Event
from ws_deployment.output.glyphs import Glyphs
from ws_deployment.output.live_screen import Screen
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output


class LiveOutput(Output):
    """Redraws one block of lines in place. What others write to stderr meanwhile goes above it."""

    name = "live"

    def __init__(self, console: Console) -> None:
        self._console = console
        self._glyphs = Glyphs.of(console.encoding)
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False)
        self._drawn: list[Text] = []
        self._width = console.width

    def open(self) -> None:
        """Take the terminal over."""
        self._live.start()

    def take(self, event: Event, run: RunView) -> None:
        """Wait for the next tick: many events come at once."""

    def tick(self, now: float, run: RunView) -> None:
        """Draw, unless nothing would differ."""
        self._draw(self._screen(run, now, final=False))

    def close(self, run: RunView) -> Sequence[str]:
        """Draw all rows a last time and give the terminal back."""
        try:
            self._draw(self._screen(run, time.time(), final=True))
        finally:
            self._live.stop()
        return ()

    def _screen(self, run: RunView, now: float, *, final: bool) -> list[Text]:
        width, height = self._console.size
        return Screen(run, now, width, height, self._glyphs, final=final).lines()

    def _draw(self, lines: list[Text]) -> None:
        if self._console.width != self._width:
            self._forget_wrapped_lines()
        elif lines == self._drawn:
            return
        self._drawn, self._width = lines, self._console.width
        self._live.update(Group(*lines), refresh=True)

    def _forget_wrapped_lines(self) -> None:
        """Erase what a narrower terminal made of the block: it wraps each line, and the cursor is lower than known."""
        width = max(self._console.width, 1)
        rows = sum(max(math.ceil(len(line) / width), 1) for line in self._drawn)
        if rows > len(self._drawn):
            known = len(self._drawn) - 1
            self._console.file.write(f"\r\x1b[{rows - 1}A\x1b[J" + "\n" * known)
            self._console.file.flush()

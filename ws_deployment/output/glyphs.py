"""The characters of the outputs: a symbol a status, bars, and their ASCII twins for streams that can't show them.

Colours only repeat what symbols and words say. Nothing here writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ws_deployment.engine.outcome import Status


class Look(NamedTuple):
    """How a status looks: its symbol, the symbol in ASCII, and the colour as terminals name it."""

    symbol: str
    ascii: str
    colour: str


LOOKS = {
    Status.WAITING: Look("·", ".", "bright_black"),
    Status.RUNNING: Look("●", "*", "cyan"),
    Status.DONE: Look("✓", "+", "green"),
    Status.SKIPPED: Look("–", "-", "bright_black"),  # noqa: RUF001  the dash is wider than a minus on purpose
    Status.FAILED: Look("✗", "x", "red"),
    Status.REFUSED: Look("✗", "x", "red"),
    Status.UNKNOWN: Look("?", "?", "magenta"),
    Status.BLOCKED: Look("⊘", "/", "yellow"),
    Status.CANCELLED: Look("■", "#", "yellow"),
    Status.QUEUED: Look("·", ".", "bright_black"),
    Status.PAUSED: Look("‖", "=", "yellow"),
    Status.INTERRUPTED: Look("■", "#", "yellow"),
    Status.ROLLED_BACK: Look("↺", "<", "yellow"),
    Status.TURNED_BACK: Look("↺", "<", "red"),
}
#: How a gate's verdicts look.
VERDICTS = {
    "success": Look("✓", "+", "green"),
    "failed": Look("✗", "x", "red"),
    "inconclusive": Look("?", "?", "yellow"),
    "error": Look("!", "!", "magenta"),
}
#: Statuses whose word must stand somewhere near their symbol, because it is not obvious.
TELLING = (Status.SKIPPED, Status.REFUSED, Status.UNKNOWN, Status.BLOCKED, Status.CANCELLED, Status.TURNED_BACK)

_SPELLING = str.maketrans({"…": "..", "→": "->", "—": "-", "–": "-", "·": "-", "✓": "+", "✗": "x", "↺": "<"})  # noqa: RUF001  these very characters are meant
#: Escape sequences (CSI, OSC, others) and other control characters: a child's output must not steer the terminal.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def clean(text: str) -> str:
    """`text` without escape sequences and control characters but newline and tab."""
    return _CONTROL.sub("", text)


def one_line(text: str) -> str:
    """`text` as one clean line."""
    return " ".join(clean(text).split())


@dataclass(frozen=True)
class Glyphs:
    """The characters that a stream can show."""

    unicode: bool = True

    @classmethod
    def of(cls, encoding: str | None) -> Glyphs:
        """Those for a stream of that encoding."""
        try:
            "✓●⊘█░→".encode(encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return cls(unicode=False)
        return cls()

    def status(self, status: Status) -> str:
        """The one character for a status."""
        return LOOKS[status].symbol if self.unicode else LOOKS[status].ascii

    def verdict(self, verdict: str) -> str:
        """The one character for a gate's verdict."""
        return VERDICTS[verdict].symbol if self.unicode else VERDICTS[verdict].ascii

    def spell(self, text: str) -> str:
        """`text` in characters that can be shown."""
        return text if self.unicode else text.translate(_SPELLING).encode("ascii", "replace").decode()

    def bar(self, percent: float, width: int) -> str:
        """A bar of `width` characters, filled to `percent`; what is more than nothing fills at least one."""
        filled = min(max(round(width * percent / 100), 1 if percent > 0 else 0), width - (1 if percent < 100 else 0))  # noqa: PLR2004  percent
        full, empty = ("█", "░") if self.unicode else ("#", "-")
        return full * filled + empty * (width - filled)

    def cut(self, text: str, width: int) -> str:
        """`text` in at most `width` characters, its end left out where it is longer."""
        if len(text) <= width:
            return text
        end = "…" if self.unicode else ".."
        return text[: max(width - len(end), 0)] + end[:width]

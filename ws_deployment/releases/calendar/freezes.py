"""Freezes: times in which nothing is upgraded, and what they leave of a window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ws_deployment.errors import RefusedError
from ws_deployment.releases.calendar.window import Opening, Window
from ws_deployment.releases.calendar.zones import shown

#: How far ahead an opening is looked for.
_HORIZON = timedelta(days=400)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Freeze:
    """Nothing is upgraded from `start` to before `end` (None: until it is lifted), and `reason` says why.

    `cluster` is `namespace/name`; empty for all.
    """

    start: datetime
    end: datetime | None
    reason: str
    cluster: str = ""

    def holds(self, cluster: str, at: datetime) -> bool:
        """Whether `cluster` is frozen at a moment."""
        return self.cluster in {"", cluster} and self.start <= at < (self.end or _NEVER)

    def __str__(self) -> str:
        until = f"until {shown(self.end)}" if self.end else "until it is lifted"
        return f"frozen {until}: {self.reason}"


def holding(freezes: Iterable[Freeze], cluster: str, at: datetime) -> Freeze | None:
    """The freeze that holds `cluster` at a moment, of several the one that ends last."""
    found = [freeze for freeze in freezes if freeze.holds(cluster, at)]
    return max(found, key=lambda freeze: freeze.end or _NEVER, default=None)


def next_opening(window: Window, cluster: str, after: datetime, freezes: Sequence[Freeze]) -> Opening:
    """The next time at or after `after` that the window opens and `cluster` is not frozen.

    What a freeze leaves of an opening counts, from where it begins.
    Raises RefusedError where there is none in 400 days.
    """
    for opening in window.openings(after):
        if opening.start > after + _HORIZON:
            break
        for part in _free(opening, cluster, freezes):
            if part.start >= after:
                return part
    frozen = holding(freezes, cluster, after + _HORIZON)
    raise RefusedError(
        "looking for an opening of",
        on=f'"{window.text}"',
        why=str(frozen) if frozen else f"it does not open in the {_HORIZON.days} days to come",
        remedy="See `ws-deployment upgrade freeze --list`." if frozen else "Name another window.",
    )


def _free(opening: Opening, cluster: str, freezes: Sequence[Freeze]) -> list[Opening]:
    """What freezes leave of an opening, in order."""
    parts = [opening]
    for freeze in freezes:
        if freeze.cluster not in {"", cluster}:
            continue
        end = freeze.end or _NEVER
        parts = [
            piece
            for part in parts
            for piece in (Opening(part.start, min(part.end, freeze.start)), Opening(max(part.start, end), part.end))
            if piece.start < piece.end
        ]
    return parts

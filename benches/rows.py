"""What a bench gives: figures of ours beside a peer's, taken in the same run."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure. `limit` is what is promised for ours / peer, or None for a peer that is only shown."""

    what: str
    ours: float
    peer: str
    theirs: float
    unit: str
    limit: float | None = None
    #: Added to `limit` times the peer's figure, in the unit.
    allowance: float = 0.0

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    @property
    def kept(self) -> bool | None:
        return None if self.limit is None else self.ours <= self.limit * self.theirs + self.allowance


def interleaved(commands: Mapping[str, Sequence[str]], times: int, **options: Any) -> dict[str, float]:
    """Median wall seconds of each command, run in turns so that both meet the same machine."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(times):
        for name, argv in commands.items():
            started = time.perf_counter()
            subprocess.run(list(argv), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in taken.items()}

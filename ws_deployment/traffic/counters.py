"""How much a cluster's counters rose since they were first seen, over restarts of what counts. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: A series: its labels and its value.
Series = tuple[Mapping[str, str], float]


@dataclass
class Rise:
    """How much some counters rose, read again and again.

    A series that fell began anew from 0, as PromQL's `increase` has it. One that was not there before counts from 0
    too (`increase` passes over its first value, so over the first failure of all). One that is gone keeps what it had.
    """

    last: dict[str, float] = field(default_factory=dict)

    def since(self, series: Iterable[Series], *, first: bool = False) -> float:
        """The rise since the reading before; `first` only takes down where they stand, which is a rise of 0."""
        now: dict[str, float] = {}
        for labels, value in series:
            key = _key(labels)
            now[key] = now.get(key, 0.0) + value
        rise = 0.0
        for key, value in now.items():
            before = self.last.get(key, 0.0)
            rise += value - before if value >= before else value
        self.last.update(now)
        return 0.0 if first else rise


@dataclass
class ClusterCounts:
    """The counters of one cluster: what went bad, and all that it is a part of."""

    bad: Rise = field(default_factory=Rise)
    all: Rise = field(default_factory=Rise)
    seen: bool = False

    def since(self, bad: Iterable[Series], every: Iterable[Series]) -> tuple[float, float] | None:
        """The rise of bad and of all since the reading before; None where the cluster can't be seen now.

        What was counted before the first sight is not of this shift. Counters of what never happened are not there:
        where all is seen, no series of bad is none bad.
        """
        bad, every = list(bad), list(every)
        if not every or not all(math.isfinite(value) and value >= 0 for _, value in (*bad, *every)):
            return None
        first, self.seen = not self.seen, True
        return self.bad.since(bad, first=first), self.all.since(every, first=first)

    def begin_at_nothing(self) -> None:
        """Take what is counted from now on for all that there is: nothing was counted before."""
        self.seen = True

    def as_dict(self) -> dict[str, Any]:
        """As JSON; `of` reads it."""
        return {"bad": self.bad.last, "all": self.all.last, "seen": self.seen}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> ClusterCounts:
        """What `as_dict` told."""
        return cls(Rise(dict(told["bad"])), Rise(dict(told["all"])), bool(told["seen"]))


def _key(labels: Mapping[str, str]) -> str:
    """A series by its labels without its name, which arithmetic in a query takes away."""
    return json.dumps(sorted((name, value) for name, value in labels.items() if name != "__name__"))

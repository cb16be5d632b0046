"""The metrics of each generation of the real ws-manager: one set of counts, told as either tells it.

What 2021 lacks and writes otherwise is as in the real server's code of that time: names and labels that a query for
one generation has are not there in the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

#: The prefixes of 2026 and of 2021.
NEWER = "gitpod_ws_manager_mk2_"
OLDER = "gitpod_ws_manager_"
#: What 2021 does not have: a metric, a label.
_MISSING = f"{NEWER}workspace_starts_failure"
_LATER_LABEL = "class"
#: Reasons of a stop that it does not tell apart, and what it says of them.
_REASONS = {"start-failure": "failed", "aborted": "regular-stop"}
#: Labels whose values are the names of its protocol, in capitals.
_CAPITALS = frozenset({"type", "phase"})


class OlderNames(Collector):
    """The metrics of `newer` as a ws-manager of 2021 exports them."""

    def __init__(self, newer: Collector) -> None:
        self._newer = newer

    def collect(self) -> Iterator[Metric]:
        """Each family that it has, under its older name and with its older labels."""
        return older(self._newer.collect())


def older(families: Iterable[Metric]) -> Iterator[Metric]:
    """Families of 2026 as a ws-manager of 2021 exports them."""
    for family in families:
        if family.name != _MISSING:
            made = Metric(_renamed(family.name), family.documentation, family.type)
            made.samples = _merged(family.samples)
            yield made


def _merged(samples: Iterable[Sample]) -> list[Sample]:
    """The samples with older names and labels; those that have become the same are one."""
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(float)
    for sample in samples:
        labels = tuple((key, _older(key, value)) for key, value in sample.labels.items() if key != _LATER_LABEL)
        sums[_renamed(sample.name), labels] += sample.value
    return [Sample(name, dict(labels), value) for (name, labels), value in sums.items()]


def _older(label: str, value: str) -> str:
    if label in _CAPITALS:
        return value.upper()
    return _REASONS.get(value, value) if label == "reason" else value


def _renamed(name: str) -> str:
    return OLDER + name.removeprefix(NEWER)

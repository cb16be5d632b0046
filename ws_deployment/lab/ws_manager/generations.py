"""The names that each generation of the real ws-manager gives its metrics: one set of counts under either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector

#: The prefixes of 2026 and of 2021.
NEWER = "gitpod_ws_manager_mk2_"
OLDER = "gitpod_ws_manager_"
#: What the older generation does not have.
_MISSING = frozenset({f"{NEWER}workspace_starts_failure"})


class OlderNames(Collector):
    """The metrics of `newer` by the names of 2021, but for those that came later."""

    def __init__(self, newer: Collector) -> None:
        self._newer = newer

    def collect(self) -> Iterator[Metric]:
        """Each family under its older name."""
        return older(self._newer.collect())


def older(families: Iterable[Metric]) -> Iterator[Metric]:
    """Families of 2026 as a ws-manager of 2021 exports them."""
    for family in families:
        if family.name not in _MISSING:
            made = Metric(_renamed(family.name), family.documentation, family.type)
            made.samples = [sample._replace(name=_renamed(sample.name)) for sample in family.samples]
            yield made


def _renamed(name: str) -> str:
    return OLDER + name.removeprefix(NEWER)

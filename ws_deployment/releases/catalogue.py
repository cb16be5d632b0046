"""All releases that are known: those of a folder of folders, or those of a management cluster's ConfigMaps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ws_deployment.config.faults import Fault
from ws_deployment.errors import UsageError
from ws_deployment.releases.release import Release
from ws_deployment.releases.versions import Version


@dataclass(frozen=True)
class Catalogue:
    """Releases by version, oldest first. `faulty` are the places of those that can't be used, with their faults."""

    releases: tuple[Release, ...]
    source: str
    faulty: dict[str, list[Fault]] = field(default_factory=dict)

    @classmethod
    def of(cls, releases: Iterable[Release], source: str, faulty: dict[str, list[Fault]] | None = None) -> Catalogue:
        """A catalogue. Raises UsageError where two releases have one version."""
        ordered = sorted(releases, key=lambda one: one.version)
        for one, other in itertools.pairwise(ordered):
            if one.version == other.version:
                why = f"both {one.source} and {other.source} are it"
                raise UsageError("reading release", on=str(one.version), why=why, remedy="Remove one of the two.")
        return cls(tuple(ordered), source, faulty or {})

    def __iter__(self) -> Iterator[Release]:
        return iter(self.releases)

    def get(self, text: str) -> Release:
        """The release of that version. Raises UsageError where there is none, naming those that there are."""
        try:
            version = Version.of(text)
        except ValueError as error:
            raise UsageError("looking for release", on=text, why=str(error)) from error
        for one in self.releases:
            if one.version == version:
                return one
        there = ", ".join(str(one.version) for one in self.releases) or "none"
        remedy = f"Releases in {self.source}: {there}."
        if self.faulty:
            remedy += f" At fault: {', '.join(self.faulty)}; see `ws-deployment release validate`."
        raise UsageError("looking for release", on=text, why="there is none of that version", remedy=remedy)

    def after(self, version: Version) -> tuple[Release, ...]:
        """The releases to which a cluster of the release `version` may be upgraded."""
        return tuple(one for one in self.releases if one.follows(version))

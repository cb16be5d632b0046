"""The mutable-fields definition: which entry decides about a field, and the built-in marks of Cluster API's fields."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ws_deployment.releases import cluster_api
from ws_deployment.releases.paths import FieldPath
from ws_deployment.releases.patterns import Pattern

ANY_KIND = "*"


class Policy(enum.StrEnum):
    """What an upgrade may do to a field."""

    OVERWRITE = "overwrite"
    KEEP = "keep"
    ASK = "ask"
    FORBID = "forbid"


@dataclass(frozen=True)
class Entry:
    """One entry. `place` is where it was written; `disruptive` and `irreversible` are None where it does not say."""

    kind: str
    pattern: Pattern
    policy: Policy
    reason: str
    disruptive: bool | None = None
    irreversible: bool | None = None
    place: str = ""

    @property
    def title(self) -> str:
        """`mutable-fields.yaml:7:5 spec.version`."""
        return f"{self.place} {self.pattern.text}".strip()

    def is_about(self, kind: str) -> bool:
        """Whether it is about objects of that kind."""
        return self.kind in (ANY_KIND, kind)

    @property
    def weight(self) -> tuple[int, int, bool]:
        """Of two entries about one field the one with the higher weight is the more precise."""
        return (*self.pattern.weight, self.kind != ANY_KIND)


@dataclass(frozen=True)
class Renaming:
    """A field that the release has under another name."""

    kind: str
    source: FieldPath
    target: FieldPath
    reason: str
    place: str = ""


@dataclass(frozen=True)
class ObjectEntry:
    """Whether the old object of a resource is deleted when the release has it no more, or under another name."""

    resource: str
    delete: bool
    reason: str
    disruptive: bool = False
    irreversible: bool = False
    place: str = ""


@dataclass(frozen=True)
class Definition:
    """Entries of one definition, or of several: what stands in the first of `layers` wins over what is below.

    `answers` are entries that decide where the definition asks, and nowhere else.
    """

    layers: tuple[tuple[Entry, ...], ...] = ()
    renamings: tuple[Renaming, ...] = ()
    objects: tuple[ObjectEntry, ...] = ()
    answers: tuple[Entry, ...] = ()

    @classmethod
    def of(
        cls, entries: Iterable[Entry], renamings: Iterable[Renaming] = (), objects: Iterable[ObjectEntry] = ()
    ) -> Definition:
        """A definition of one layer."""
        return cls((tuple(entries),), tuple(renamings), tuple(objects))

    def over(self, other: Definition) -> Definition:
        """This definition, and `other` where it says nothing."""
        named = {one.resource for one in self.objects}
        objects = (*self.objects, *(one for one in other.objects if one.resource not in named))
        moved = {(one.kind, one.source) for one in self.renamings}
        renamings = (*self.renamings, *(one for one in other.renamings if (one.kind, one.source) not in moved))
        return Definition(self.layers + other.layers, renamings, objects, self.answers + other.answers)

    def answered(self, answers: Iterable[Entry]) -> Definition:
        """This definition with answers to what it asks."""
        return replace(self, answers=(*self.answers, *answers))

    def entry(self, kind: str, path: FieldPath) -> Entry | None:
        """The entry that decides about a field of objects of a kind: the most precise of the first layer with one."""
        found = next((one for layer in self.layers if (one := _most_precise(layer, kind, path))), None)
        if found and found.policy is Policy.ASK and (answer := _most_precise(self.answers, kind, path)):
            return replace(found, policy=answer.policy)
        return found

    def object_entry(self, resource: str) -> ObjectEntry | None:
        """The entry about the old object of a resource."""
        return next((one for one in self.objects if one.resource == resource), None)

    def reaches_below(self, kind: str, path: FieldPath) -> bool:
        """Whether an entry may be about a field below `path`."""
        return any(one.is_about(kind) and one.pattern.reaches_below(path) for layer in self.layers for one in layer)

    def marks(self, kind: str, path: FieldPath) -> tuple[bool, bool]:
        """Whether a change of the field recreates nodes, and whether it can't be taken back."""
        entry = self.entry(kind, path)
        disruptive, irreversible = cluster_api.marks(kind, path)
        if entry and entry.disruptive is not None:
            disruptive = entry.disruptive
        if entry and entry.irreversible is not None:
            irreversible = entry.irreversible
        return disruptive, irreversible


def _most_precise(entries: Iterable[Entry], kind: str, path: FieldPath) -> Entry | None:
    found = [one for one in entries if one.is_about(kind) and one.pattern.covers(path)]
    return max(found, key=lambda one: one.weight, default=None)

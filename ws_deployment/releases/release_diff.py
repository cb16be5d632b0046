"""What differs between two releases: their resources' defaults, and what an upgrade to them may change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ws_deployment.releases.definition import Definition
from ws_deployment.releases.paths import ABSENT, text_of
from ws_deployment.releases.release import Release, Resource
from ws_deployment.releases.shape import ListedShape, NoShape
from ws_deployment.releases.three_way import lines_between


@dataclass(frozen=True)
class Difference:
    """One difference. `part` is what it is in: `release`, `resource NAME` or `mutable fields`; ABSENT is nothing."""

    part: str
    field: str
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        """JSON values; `before` or `after` is left out where there is nothing."""
        values = {"before": self.before, "after": self.after}
        told = {key: value for key, value in values.items() if value is not ABSENT}
        return {"part": self.part, "field": self.field, **told}


def differences(one: Release, other: Release) -> Iterator[Difference]:
    """All that differs between two releases, in the order in which people read it."""
    yield from _between("release", _head(one), _head(other))
    for name in dict.fromkeys(each.name for release in (other, one) for each in release.resources):
        before, after = one.resource(name), other.resource(name)
        lists = [*(before.lists if before else ()), *(after.lists if after else ())]
        shape = ListedShape(NoShape(), lists)
        part = f"resource {name}"
        if before is None or after is None:
            yield Difference(part, "", _body(before), _body(after))
            continue
        for path, old, new in lines_between(_body(before), _body(after), shape):
            yield Difference(part, text_of(path), old, new)
    yield from _between("mutable fields", _rules(one.definition), _rules(other.definition))


def _between(part: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for field in dict.fromkeys([*before, *after]):
        old, new = before.get(field, ABSENT), after.get(field, ABSENT)
        if old != new:
            yield Difference(part, field, old, new)


def _head(release: Release) -> dict[str, Any]:
    told: dict[str, Any] = {"version": release.version.text, "predecessors": [one.text for one in release.predecessors]}
    if release.kubernetes:
        told["kubernetes"] = release.kubernetes.text
    if release.deprecated_since:
        told["deprecated"] = f"since {release.deprecated_since}: {release.deprecated_reason}"
    return told


def _body(resource: Resource | None) -> Any:
    return ABSENT if resource is None else resource.body


def _rules(definition: Definition) -> dict[str, Any]:
    entries = [entry for layer in definition.layers for entry in layer]
    told: dict[str, Any] = {f"{one.kind} {one.pattern.text}": f"{one.policy}: {one.reason}" for one in entries}
    for moved in definition.renamings:
        told[f"{moved.kind} {text_of(moved.source)}"] = f"renamed to {text_of(moved.target)}: {moved.reason}"
    for each in definition.objects:
        told[f"object {each.resource}"] = f"{'overwrite' if each.delete else 'keep'}: {each.reason}"
    return told

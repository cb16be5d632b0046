"""What takes the changes of an object back: former values, and away with what was made on the way to a new field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ws_deployment.releases.paths import ABSENT, FieldPath, value_at, with_value
from ws_deployment.releases.plan import FieldChange


def undone(one: Any, changes: Iterable[FieldChange], before: Any) -> Any:
    """`one` without these changes; `before` is the object as it was when they were planned."""
    for path in made_from(changes, before):
        one = with_value(one, path, value_at(before, path))
    return one


def made_from(changes: Iterable[FieldChange], before: Any) -> list[FieldPath]:
    """The highest paths that the changes touch: the field's own, or that of what had to be made for it."""
    found: list[FieldPath] = []
    for change in changes:
        ends = range(1, len(change.path) + 1)
        missing = next(
            (change.path[:end] for end in ends if value_at(before, change.path[:end]) in (ABSENT, None)), None
        )
        found.append(missing or change.path)
    return list(dict.fromkeys(found))


def values_before(changes: Iterable[FieldChange], before: Mapping[str, Any]) -> list[tuple[FieldPath, Any]]:
    """What is to be written to take changes back: each path with its former value, ABSENT for what was not there."""
    return [(path, value_at(before, path)) for path in made_from(changes, before)]

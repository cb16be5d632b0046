"""Writes the changes of one object, for real or as a dry run: server-side apply for what is set, else JSON Patch.

An apply can't take away fields that others manage, hence the patch. Both name the version of the object that they are
meant for. What is written where is decided by the plan alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ws_deployment.clients.kube import Kube
from ws_deployment.releases.owned import applied_by
from ws_deployment.releases.paths import ABSENT, FieldPath, Item, value_at, with_value
from ws_deployment.releases.plan import FieldChange
from ws_deployment.releases.shape import IShape

Object = Mapping[str, Any]

#: Who manages the fields that upgrades set.
MANAGER = "ws-deployment-upgrade"


def write(
    kube: Kube,
    live: Object,
    changes: Sequence[FieldChange],
    shape: IShape,
    *,
    together: bool = False,
    dry_run: bool = False,
) -> Object:
    """Write `changes` to the object `live`; as the server has it then.

    `shape` is the API server's own. With `together`, in one JSON Patch; else what is set is applied, and what goes is
    patched away after it. A dry run of both can't see the first in the second: it is of the two in one patch.

    Raises ConflictKubeError where the object is no longer the version of `live`, KubeError where the server refuses.
    """
    sets = [change for change in changes if change.after is not ABSENT]
    removals = [change for change in changes if change.after is ABSENT]
    if together or (dry_run and sets and removals):
        return kube.patch(live, _whole_patch(live, changes), MANAGER, dry_run=dry_run)
    written = live
    if sets:
        written = kube.apply_fields(applied(live, sets, shape), MANAGER, dry_run=dry_run)
    if removals:
        written = kube.patch(written, _removal_patch(written, removals), MANAGER, dry_run=dry_run)
    return written


def may_apply(changes: Iterable[FieldChange], shape: IShape) -> bool:
    """Whether server-side apply brings about what the changes set.

    It finds items of lists by the API's keys, and a release may tell them apart by others. And it leaves what others
    put into a list or mapping that it merges, where the change would have it hold less.
    """
    sets = [change for change in changes if change.after is not ABSENT]
    return all(_found_by_api(change.path, shape) and not _is_merged(change, shape) for change in sets)


def applied(live: Object, sets: Sequence[FieldChange], shape: IShape) -> dict[str, Any]:
    """The document that sets these fields by server-side apply.

    It also holds what the manager applied before, as it is now: what an apply leaves out, it takes away.
    """
    result: Any = live
    for change in sets:
        result = with_value(result, change.path, change.after)
    document: Any = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]},
    }
    paths = [*applied_by(live, MANAGER), *(change.path for change in sets)]
    for path in dict.fromkeys(_up_to_whole(path, shape) for path in paths):
        value = value_at(result, path)
        if value is not ABSENT:
            document = with_value(document, path, value)
    document["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    return dict(document)


def _up_to_whole(path: FieldPath, shape: IShape) -> FieldPath:
    """The path as far as the API writes by parts: a list without keys, or a mapping that is one value, ends it."""
    for end, part in enumerate(path):
        whole = not shape.list_keys(path[:end]) if isinstance(part, Item) else shape.is_one_value(path[:end])
        if whole and end:
            return path[:end]
    return path


def _found_by_api(path: FieldPath, shape: IShape) -> bool:
    within = _up_to_whole(path, shape)
    return all(
        {key for key, _ in part.keys} == set(shape.list_keys(within[:end]))
        for end, part in enumerate(within)
        if isinstance(part, Item)
    )


def _is_merged(change: FieldChange, shape: IShape) -> bool:
    """Whether an apply of the whole value leaves items that are there already."""
    before, path = change.before, change.path
    if isinstance(before, Mapping):
        return bool(before) and not shape.is_one_value(path)
    return isinstance(before, list) and bool(before) and (shape.is_set(path) or bool(shape.list_keys(path)))


def _removal_patch(live: Object, removals: Sequence[FieldChange]) -> list[dict[str, Any]]:
    """Take away fields, each only if its value is still the one that was read. Later items of lists go first."""
    found = [(pointer, change) for change in removals if (pointer := _pointer(live, change.path)) is not None]
    found.sort(key=lambda one: [(isinstance(part, int), part) for part in one[0]], reverse=True)
    operations = [_same_version(live)]
    for parts, change in found:
        operations.append({"op": "test", "path": _text(parts), "value": value_at(live, change.path)})
        operations.append({"op": "remove", "path": _text(parts)})
    return operations


def _whole_patch(live: Object, changes: Sequence[FieldChange]) -> list[dict[str, Any]]:
    """Replace each top part of the object that changes, as a whole: so nothing lies half-way."""
    result: Any = live
    for change in changes:
        result = with_value(result, change.path, change.after)
    operations = [_same_version(live)]
    for name in dict.fromkeys(change.path[0] for change in changes):
        # Of metadata, labels and annotations are ours to write.
        whole: list[tuple[str, ...]] = [(str(name),)]
        for one in [("metadata", "labels"), ("metadata", "annotations")] if name == "metadata" else whole:
            before, after = value_at(live, one), value_at(result, one)
            if before == after:
                continue
            if before is not ABSENT:
                operations.append({"op": "test", "path": _text(one), "value": before})
            operation = "remove" if after is ABSENT else "add" if before is ABSENT else "replace"
            value = {} if after is ABSENT else {"value": after}
            operations.append({"op": operation, "path": _text(one), **value})
    return operations


def _same_version(live: Object) -> dict[str, Any]:
    return {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}


def _pointer(live: Object, path: FieldPath) -> tuple[str | int, ...] | None:
    """Where a field is by names and positions; None where it is not there."""
    parts: list[str | int] = []
    here: Any = live
    for part in path:
        if isinstance(part, Item):
            index = next((number for number, one in enumerate(here) if part.fits(one)), None)
            if index is None:
                return None
            parts.append(index)
            here = here[index]
        else:
            if not isinstance(here, Mapping) or part not in here:
                return None
            parts.append(part)
            here = here[part]
    return tuple(parts)


def _text(parts: Sequence[str | int]) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)

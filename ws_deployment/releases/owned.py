"""What of an object is the server's or its controllers' own, and who holds which field (managedFields).

The form of managedFields: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ws_deployment.releases.paths import ABSENT, FieldPath, Item, with_value

Object = Mapping[str, Any]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
#: Of metadata, what users and releases say. All else is set by the server or by controllers.
_OURS = ("name", "namespace", "labels", "annotations")
_STATUS = "status"


def cleaned(live: Object) -> dict[str, Any]:
    """An object without what server and controllers own: status, their metadata, what is written by a subresource."""
    metadata = {key: live["metadata"][key] for key in _OURS if key in live["metadata"]}
    annotations = {key: text for key, text in (metadata.get("annotations") or {}).items() if key != _LAST_APPLIED}
    if "annotations" in metadata:
        metadata["annotations"] = annotations
    if not annotations:
        metadata.pop("annotations", None)
    found: Any = {**{key: value for key, value in live.items() if key != _STATUS}, "metadata": metadata}
    for path in by_subresource(live):
        found = with_value(found, path, ABSENT)
    return dict(found)


def by_subresource(live: Object) -> Iterator[FieldPath]:
    """Fields that are written through a subresource other than the status, such as an autoscaler's replicas."""
    for one in live["metadata"].get("managedFields") or ():
        if one.get("subresource") not in (None, "", _STATUS):
            yield from (path for path in _paths(one.get("fieldsV1") or {}, ()) if path[0] != _STATUS)


def held_by(live: Object, path: FieldPath) -> tuple[str, ...]:
    """The field managers that hold a field, or any that is below it."""
    found = [
        str(one.get("manager"))
        for one in live["metadata"].get("managedFields") or ()
        if _holds(one.get("fieldsV1") or {}, path)
    ]
    return tuple(dict.fromkeys(found))


def applied_by(live: Object, manager: str) -> list[FieldPath]:
    """The fields that `manager` holds by server-side apply, keys of lists left out."""
    found: list[FieldPath] = []
    for one in live["metadata"].get("managedFields") or ():
        if one.get("manager") == manager and one.get("operation") == "Apply" and not one.get("subresource"):
            found += _paths(one.get("fieldsV1") or {}, ())
    return found


def _paths(fields: Mapping[str, Any], above: FieldPath) -> Iterator[FieldPath]:
    for name, below in fields.items():
        part = _part(name)
        if part is None:
            continue
        if not below or below.keys() == {"."}:
            yield (*above, part)
        else:
            yield from _paths(below, (*above, part))


def _holds(fields: Mapping[str, Any], path: FieldPath) -> bool:
    here = fields
    for part in path:
        below = next((one for name, one in here.items() if _part(name) == part), None)
        if below is None:
            return False
        if not below:
            return True  # the whole value is held as one
        here = below
    return True


def _part(name: str) -> str | Item | None:
    """The part of a path that a name of managedFields means; None for `.`, members of sets and positions."""
    if name.startswith("f:"):
        return name[2:]
    if name.startswith("k:"):
        return Item(tuple(sorted(json.loads(name[2:]).items())))
    return None

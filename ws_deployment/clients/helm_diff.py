"""What a release's upgrade would change: two manifests compared object by object, nothing secret shown.

Rendering is helm.py's work. The plugin helm-diff is not needed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ws_deployment.redaction import redact

_RANDOM = "(made at random)"
_MASK = "(secret)"
_CHANGED = "(secret, changed)"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml where it is there
    """Kubernetes' reading of YAML: a plain `=` is a text like any other."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))
# Dates stay texts, as Kubernetes reads them; PyYAML would make date objects of them.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


@dataclass(frozen=True, order=True)
class ObjectId:
    """What tells an object of a manifest from all others."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class ObjectChange:
    """An object that is in both manifests and differs. `diff` is a unified diff of YAML, data of Secrets masked."""

    object: ObjectId
    diff: str


@dataclass(frozen=True)
class ReleaseDiff:
    """What would change. `random` names fields that the chart makes anew at each rendering: `Secret/x: data.token`."""

    added: tuple[ObjectId, ...]
    removed: tuple[ObjectId, ...]
    changed: tuple[ObjectChange, ...]
    random: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether both manifests say the same (but for values made at random)."""
        return not (self.added or self.removed or self.changed)

    def __str__(self) -> str:
        counts = {"added": self.added, "changed": self.changed, "removed": self.removed}
        told = ", ".join(f"{len(objects)} {word}" for word, objects in counts.items() if objects)
        return told or "no change"

    def text(self) -> str:
        """The whole of it as people read it."""
        lines = [f"+ {added}" for added in self.added] + [f"- {removed}" for removed in self.removed]
        for change in self.changed:
            lines += [f"~ {change.object}", *(f"    {line}" for line in change.diff.splitlines())]
        lines += [f"? {field} is made at random" for field in self.random]
        return redact("\n".join(lines))


def compare(live: str, new: str, new_again: str | None = None) -> ReleaseDiff:
    """Compare the `live` manifest (empty where there is no release) with the `new` one.

    `new_again` is the same chart and values rendered once more: fields that differ between the two are made at random
    and do not count as changes. Raises ValueError if a text is no manifest.
    """
    old_objects, new_objects = read_manifest(live), read_manifest(new)
    twins = read_manifest(new_again) if new_again is not None else {}
    random = {key: _differing(value, twins[key]) for key, value in new_objects.items() if key in twins}
    changed = [
        ObjectChange(key, diff)
        for key in sorted(old_objects.keys() & new_objects.keys())
        if (diff := _diff(old_objects[key], new_objects[key], random.get(key, ())))
    ]
    return ReleaseDiff(
        added=tuple(sorted(new_objects.keys() - old_objects.keys())),
        removed=tuple(sorted(old_objects.keys() - new_objects.keys())),
        changed=tuple(changed),
        random=tuple(f"{key}: {'.'.join(map(str, path))}" for key in sorted(random) for path in random[key]),
    )


def read_manifest(text: str) -> dict[ObjectId, dict[str, Any]]:
    """The objects of a multi-document YAML text. Raises ValueError if it is none."""
    try:
        documents = [document for document in yaml.load_all(text, Loader=_Loader) if document]
        return {_identify(document): document for document in documents}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        msg = f"the rendered text is no Kubernetes manifest: {error}"
        raise ValueError(msg) from error


def api_versions(text: str) -> frozenset[tuple[str, str]]:
    """All (apiVersion, kind) pairs of a manifest."""
    return frozenset((key.api_version, key.kind) for key in read_manifest(text))


def masked(text: str) -> str:
    """The manifest for people to read: the data of Secrets masked."""
    objects = read_manifest(text)
    return redact("---\n".join(_dump(_mask(objects[key], objects[key])) for key in objects))


def _identify(document: Mapping[str, Any]) -> ObjectId:
    metadata = document["metadata"]
    return ObjectId(document["apiVersion"], document["kind"], metadata.get("namespace", ""), metadata["name"])


_Path = tuple[str | int, ...]


def _differing(one: Any, other: Any, path: _Path = ()) -> tuple[_Path, ...]:
    """Paths of the leaves at which two trees differ."""
    if one == other:
        return ()
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        pairs = [(key, one.get(key), other.get(key)) for key in sorted(one.keys() | other.keys())]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(index, *both) for index, both in enumerate(zip(one, other, strict=True))]
    else:
        return (path,)
    return tuple(leaf for key, a, b in pairs for leaf in _differing(a, b, (*path, key)))


def _diff(old: dict[str, Any], new: dict[str, Any], random: Sequence[_Path]) -> str:
    for path in random:
        old, new = _replaced(old, path), _replaced(new, path)
    if old == new:
        return ""
    before, after = _dump(_mask(old, old)), _dump(_mask(new, old))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "live", "new", lineterm="", n=2)
    return "\n".join(list(lines)[2:])


def _replaced(tree: Any, path: _Path) -> Any:
    """`tree` with the leaf at `path` replaced by a text that says that it is random."""
    if not path:
        return _RANDOM
    key, *rest = path
    if isinstance(tree, Mapping) and key in tree:
        return {**tree, key: _replaced(tree[key], tuple(rest))}
    if isinstance(tree, list) and isinstance(key, int) and key < len(tree):
        return [*tree[:key], _replaced(tree[key], tuple(rest)), *tree[key + 1 :]]
    return tree


def _mask(document: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """`document` without a Secret's data; entries that differ from `old` say so."""
    if document.get("kind") != "Secret":
        return dict(document)
    shown = dict(document)
    for part in ("data", "stringData"):
        if part in document:
            before = dict(_entries(old, part))
            shown[part] = {
                key: value if value == _RANDOM else _MASK if before.get(key, value) == value else _CHANGED
                for key, value in _entries(document, part)
            }
    # kubectl's own copy of the whole object, data included.
    annotations = shown.get("metadata", {}).get("annotations") or {}
    if "kubectl.kubernetes.io/last-applied-configuration" in annotations:
        hidden = {**annotations, "kubectl.kubernetes.io/last-applied-configuration": _MASK}
        shown["metadata"] = {**shown["metadata"], "annotations": hidden}
    return shown


def _entries(document: Mapping[str, Any], part: str) -> Iterator[tuple[str, Any]]:
    yield from (document.get(part) or {}).items()


def _dump(document: Mapping[str, Any]) -> str:
    # By way of JSON: one object that occurs twice would be written as a YAML anchor.
    return str(yaml.dump(json.loads(json.dumps(document)), sort_keys=True, default_flow_style=False, width=120))

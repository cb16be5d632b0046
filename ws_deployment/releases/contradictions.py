"""What can't be together in a release: between its files, between entries, between a file's parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ws_deployment.config.faults import Fault, KeyPath
from ws_deployment.config.suggest import did_you_mean
from ws_deployment.releases import cluster_api
from ws_deployment.releases.files import ReadFile
from ws_deployment.releases.model import FieldRule, MutableFieldsFile, ReleaseFile, ResourceFile
from ws_deployment.releases.paths import ABSENT, path_of, value_at
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.release import PLACEHOLDER, PLACEHOLDERS, filled, group_of
from ws_deployment.releases.versions import Range, Version

#: What an object's metadata may say in a release; the rest is the server's or the user's.
_METADATA = ("name", "labels", "annotations")
_NOT_OURS = {"status": "status is what controllers have seen", "kind": "an object keeps its kind"}


def find(files: Sequence[ReadFile], source: str, *, complete: bool) -> Iterator[Fault]:
    """All that contradicts itself in a release of these files.

    Without `complete` some files could not be read: then nothing is said to be missing.
    """
    heads = [(one, one.model) for one in files if isinstance(one.model, ReleaseFile)]
    resources = [(one, one.model) for one in files if isinstance(one.model, ResourceFile)]
    clusters = [model for _, model in resources if model.resource.get("kind") == cluster_api.CLUSTER]
    if complete and heads and not clusters:
        message = "no resource is a `kind: Cluster`"
        remedy = "Add one: the Cluster bears the release's version in a label."
        yield heads[0][0].fault(("version",), message, remedy)
    if not heads and complete:
        yield Fault(f"{source}: no file is of `kind: Release`", "Add one with its `version` and `predecessors`.")
    for file, head in heads[1:]:
        message = f"{heads[0][0].path.name} is of `kind: Release` too, of version {heads[0][1].version}"
        yield file.fault(("version",), message, f"A release has one; {head.version} may be another release.")
    for file, head in heads[:1]:
        yield from _head(file, head)
        yield from _kubernetes(head, resources)
    for file, resource in resources:
        yield from _resource(file, resource)
    yield from _twice(resources)
    yield from within(files)
    if complete:
        yield from _known(files, resources)


def within(files: Iterable[ReadFile]) -> list[Fault]:
    """What contradicts itself among the entries of mutable-fields definitions."""
    first: dict[tuple[str, Any], tuple[ReadFile, KeyPath, FieldRule]] = {}
    faults: list[Fault] = []
    for file in files:
        if not isinstance(file.model, MutableFieldsFile):
            continue
        for index, one in enumerate(file.model.fields):
            path: KeyPath = ("fields", index, "path")
            faults += _entry(file, path, one)
            key = (one.kind, Pattern.of(one.path).parts)
            if key not in first:
                first[key] = (file, path, one)
                continue
            other_file, other_path, other = first[key]
            where = f"{other_file.path.name}:{other_file.locate(other_path).line}"
            message = f"`{one.path}` is to be `{one.rule}` here and `{other.rule}` in {where}"
            if one.rule == other.rule:
                message = f"`{one.path}` stands in {where} already"
            faults.append(file.fault(path, message, "Keep one of the two entries."))
        for index, rename in enumerate(file.model.renames):
            if rename.source == rename.target:
                path = ("renames", index, "to")
                faults.append(file.fault(path, f"`{rename.source}` is renamed to itself", "Name where it is now."))
    return faults


def _entry(file: ReadFile, path: KeyPath, one: FieldRule) -> Iterator[Fault]:
    head = str(Pattern.of(one.path).parts[0])
    if head in _NOT_OURS:
        yield file.fault(path, f"no upgrade changes `{one.path}`: {_NOT_OURS[head]}", "Remove the entry.")
    if one.path.startswith("metadata.") and not one.path.startswith(("metadata.labels", "metadata.annotations")):
        yield file.fault(path, f"no upgrade changes `{one.path}`", "Of metadata, labels and annotations are changed.")


def _head(file: ReadFile, head: ReleaseFile) -> Iterator[Fault]:
    version = Version.of(head.version)
    for index, text in enumerate(head.predecessors):
        bounds = Range.of(text).bounds
        own = version in Range.of(text)
        if own or all(sign in {">", ">=", "="} and bound >= version for sign, bound in bounds):
            message = f"`{text}` allows {'the release itself' if own else 'none that is older'} as its predecessor"
            yield file.fault(("predecessors", index), message, f"Upgrades go forward only: add `<{head.version}`.")
    folder = file.path.parent.name
    try:
        named = Version.of(folder)
    except ValueError:
        return
    if named != version:
        message = f"the release is {head.version}, and the folder that it lies in is called {folder}"
        yield file.fault(("version",), message, "Rename the folder, or mend the version.")


def _kubernetes(head: ReleaseFile, resources: Sequence[tuple[ReadFile, ResourceFile]]) -> Iterator[Fault]:
    """Versions of Kubernetes in the resources that are not the release's."""
    wanted = Version.of(head.kubernetes) if head.kubernetes else None
    for file, resource in resources:
        path = cluster_api.version_path(str(resource.resource.get("kind")))
        text = value_at(resource.resource, path) if path else ABSENT
        if path is None or not isinstance(text, str):
            continue
        place: KeyPath = ("resource", *map(str, path))
        if "${kubernetes}" in text:
            if wanted is None:
                message = "`${kubernetes}` stands for nothing: the release does not tell its Kubernetes version"
                yield file.fault(place, message, "Add `kubernetes: v…` to the file of `kind: Release`.")
            continue
        try:
            version = Version.of(text)
        except ValueError:
            continue
        if wanted and version != wanted:
            message = f"`{text}` is not the Kubernetes version of the release, which is {head.kubernetes}"
            yield file.fault(place, message, "Write `${kubernetes}`, so that it stands in one place.")


def _resource(file: ReadFile, model: ResourceFile) -> Iterator[Fault]:
    body = model.resource
    for key in ("apiVersion", "kind"):
        if not isinstance(body.get(key), str):
            message = f"`resource` has to tell its `{key}`, a text"
            yield file.key_fault(("resource", key) if key in body else ("resource",), message)
    if body.get("kind") == "Secret":
        yield file.fault(("resource", "kind"), "a release holds no Secrets", "Everybody may read releases.")
    if "status" in body:
        yield file.key_fault(("resource", "status"), "a release can't set `status`: controllers do", "Remove it.")
    yield from _named(file, model)
    yield from _placeholders(file, body, ("resource",))
    for index, one in enumerate(model.lists):
        yield from _keyed(file, model, index, Pattern.of(one.path), one.keys)


def _named(file: ReadFile, model: ResourceFile) -> Iterator[Fault]:
    """Metadata that is not a release's to set, and names where there should be one or none."""
    metadata = model.resource.get("metadata") or {}
    for key in metadata if isinstance(metadata, dict) else ():
        if key not in _METADATA:
            message = f"`metadata.{key}` is not a release's to set"
            yield file.key_fault(("resource", "metadata", key), message, "Of metadata: name, labels and annotations.")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if model.applies == "once" and not isinstance(name, str):
        message = "an object that every cluster has needs its `metadata.name`"
        yield file.key_fault(("resource",), message, "As `name: ${cluster}-control-plane`, or `applies: each`.")
    if model.applies == "each" and name is not None:
        message = "with `applies: each` objects have the names that users gave them"
        yield file.fault(("resource", "metadata", "name"), message, "Remove the name, or `applies: each`.")
    if model.applies == "once" and model.match_labels:
        yield file.key_fault(("matchLabels",), "`matchLabels` is for `applies: each`", "Remove one of the two.")


def _placeholders(file: ReadFile, value: Any, path: KeyPath) -> Iterator[Fault]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _placeholders(file, inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _placeholders(file, inner, (*path, index))
    elif isinstance(value, str):
        for name in PLACEHOLDER.findall(value):
            # Scripts in a resource have variables of their own: only what is near one of ours is misspelt.
            if name not in PLACEHOLDERS and (remedy := did_you_mean(name, PLACEHOLDERS)).startswith("Did"):
                fault = file.fault(path, f"`${{{name}}}` stands for nothing here", remedy)
                yield Fault(fault.message, fault.remedy, fault.where, fault.length, "warning", path)


def _keyed(file: ReadFile, model: ResourceFile, index: int, pattern: Pattern, keys: tuple[str, ...]) -> Iterator[Fault]:
    """Items of a list with keys that lack one, or have those of another item."""
    if not all(isinstance(part, str) and part != "*" for part in pattern.parts):
        return
    path = tuple(str(part) for part in pattern.parts)
    items = value_at(model.resource, path)
    if items is ABSENT:
        return
    if not isinstance(items, list):
        yield file.fault(("lists", index, "path"), f"`{pattern.text}` is no list in this resource")
        return
    seen: dict[tuple[Any, ...], int] = {}
    for number, item in enumerate(items):
        place: KeyPath = ("resource", *path, number)
        found = tuple(item.get(key, ABSENT) for key in keys) if isinstance(item, dict) else (ABSENT,)
        if ABSENT in found:
            yield file.fault(place, f"an item of `{pattern.text}` needs {' and '.join(f'`{key}`' for key in keys)}")
        elif found in seen:
            told = ", ".join(f"{key} {value}" for key, value in zip(keys, found, strict=True))
            yield file.fault(place, f"`{pattern.text}` has two items of {told}", "Remove one of the two.")
        seen.setdefault(found, number)


def _twice(resources: Sequence[tuple[ReadFile, ResourceFile]]) -> Iterator[Fault]:
    """Files of one name, and files that are about the same object."""
    names: dict[str, ReadFile] = {}
    objects: dict[Any, tuple[ReadFile, ResourceFile]] = {}
    for file, model in resources:
        if model.name in names:
            message = f"`{model.name}` is the name of {names[model.name].path.name} too"
            yield file.fault(("name",), message, "Give each its own: by it they are found in other releases.")
        names.setdefault(model.name, file)
        body = model.resource
        metadata = body.get("metadata")
        called = metadata.get("name") if isinstance(metadata, dict) else None
        sample = filled(called, {"cluster": "c", "namespace": "n", "release": "r", "kubernetes": "k"})
        labels = tuple(sorted(model.match_labels.items()))
        key = (group_of(str(body.get("apiVersion"))), body.get("kind"), sample, labels)
        if key in objects:
            other, _ = objects[key]
            message = f"{other.path.name} is about the same object"
            yield file.key_fault(("resource",), message, "Join the two, or tell them apart by name or `matchLabels`.")
        objects.setdefault(key, (file, model))


def _known(files: Sequence[ReadFile], resources: Sequence[tuple[ReadFile, ResourceFile]]) -> Iterator[Fault]:
    """Entries about kinds and resources that the release does not have: most likely misspelt."""
    kinds = sorted({str(model.resource.get("kind")) for _, model in resources})
    for file in files:
        if not isinstance(file.model, MutableFieldsFile):
            continue
        sections: tuple[tuple[str, Sequence[Any]], ...] = (
            ("fields", file.model.fields),
            ("renames", file.model.renames),
        )
        for section, entries in sections:
            for index, one in enumerate(entries):
                if one.kind not in (*kinds, "*"):
                    path: KeyPath = (section, index, "kind")
                    message = f"no resource of the release is a `{one.kind}`"
                    yield file.fault(path, message, did_you_mean(one.kind, kinds, what="kinds"))
        for index, rename in enumerate(file.model.renames):
            for other, model in resources:
                still = value_at(model.resource, path_of(rename.source))
                if model.resource.get("kind") == rename.kind and still is not ABSENT:
                    message = f"`{rename.source}` is renamed, and {other.path.name} still has a default for it"
                    path = ("renames", index, "from")
                    yield file.fault(path, message, f"Write it under `{rename.target}` there, or remove the entry.")

"""Reads releases: files of a folder, or the same texts out of ConfigMaps. All faults are told at once.

A ConfigMap is what `kubectl create configmap --from-file=FOLDER` makes of a folder; several may make up a release.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ws_deployment.config.faults import Fault
from ws_deployment.config.suggest import quoted
from ws_deployment.errors import UsageError
from ws_deployment.releases import contradictions, marks
from ws_deployment.releases.catalogue import Catalogue
from ws_deployment.releases.definition import Definition, Entry, ObjectEntry, Policy, Renaming
from ws_deployment.releases.files import ReadFile, read
from ws_deployment.releases.model import MutableFieldsFile, ReleaseFile, ResourceFile
from ws_deployment.releases.paths import path_of
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.release import Release, Resource
from ws_deployment.releases.versions import Range, Version

_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Loaded:
    """A release and what is wrong with it. `release` is None exactly when there are faults."""

    source: str
    release: Release | None
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)


def load_folder(folder: Path) -> Loaded:
    """The release whose files lie in `folder` (those that end in .yaml, .yml or .json)."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in _ENDINGS and path.is_file())
        texts = {path: path.read_bytes() for path in files}
    except OSError as error:
        return Loaded(str(folder), None, [Fault(f"{folder}: it can't be read: {error.strerror}", "Name a folder.")])
    return load_texts(texts, str(folder))


def load_texts(texts: Mapping[Path, bytes], source: str) -> Loaded:
    """The release that these files make up; their paths are for telling faults."""
    files: list[ReadFile] = []
    faults: list[Fault] = []
    for path, data in texts.items():
        file, found = read(path, data)
        files.append(file)
        faults += found
    if not files:
        remedy = f"Releases have files that end in {quoted(_ENDINGS)}; see configs/releases for examples."
        return Loaded(source, None, [Fault(f"{source}: no file of a release is in it", remedy)])
    judged = list(contradictions.find(files, source, complete=not faults))
    faults += [fault for fault in judged if fault.severity == "error"]
    warnings = [fault for fault in judged if fault.severity != "error"]
    return Loaded(source, None if faults else _release(files, source), faults, warnings)


def load_definition(path: Path) -> tuple[Definition | None, list[Fault]]:
    """A mutable-fields definition that stands in a file of its own, to be laid over a release's; or its faults."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return None, [Fault(f"{path}: it can't be read: {error.strerror}", "Name a file of `kind: MutableFields`.")]
    file, faults = read(path, data)
    if not faults and not isinstance(file.model, MutableFieldsFile):
        faults.append(file.fault(("kind",), "an upgrade definition is of `kind: MutableFields`"))
    faults += contradictions.within([file]) if not faults else []
    return (None, faults) if faults else (_definition([file]), [])


def release_folders(folder: Path) -> list[Path]:
    """The folders in `folder` that hold a release: a `release.yaml`, and the files beside it. Raises OSError."""
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    return [path for path in below if any((path / f"release{ending}").exists() for ending in _ENDINGS)]


def load_catalogue(folder: Path) -> Catalogue:
    """The releases of the folders in `folder`. Raises UsageError where that is no folder, or two are one release."""
    try:
        holding = release_folders(folder)
    except OSError as error:
        why, remedy = error.strerror or str(error), "Name a folder that has one folder a release."
        raise UsageError("reading releases from", on=str(folder), why=why, remedy=remedy) from error
    return _catalogue([load_folder(path) for path in holding], str(folder))


def load_config_maps(config_maps: Iterable[Mapping[str, Any]], source: str) -> Catalogue:
    """The releases of the ConfigMaps that bear the label of releases; those of one version make up one release.

    Raises UsageError where two are one release.
    """
    texts: dict[tuple[str, str], dict[Path, bytes]] = {}
    for found in sorted(config_maps, key=lambda one: str(one["metadata"]["name"])):
        metadata = found["metadata"]
        key = (metadata.get("namespace", ""), metadata["labels"][marks.RELEASE])
        place = Path("configmap", metadata.get("namespace", ""), metadata["name"])
        data = {name: text.encode() for name, text in (found.get("data") or {}).items()}
        held = {place / name: text for name, text in data.items() if name.endswith(_ENDINGS)}
        texts.setdefault(key, {}).update(held)
    return _catalogue([_labelled(files, space, version) for (space, version), files in texts.items()], source)


def _labelled(files: Mapping[Path, bytes], namespace: str, label: str) -> Loaded:
    """The release of ConfigMaps, whose label is held against its version."""
    loaded = load_texts(files, f"ConfigMaps of {label} in {namespace}")
    if loaded.release is None or loaded.release.version.text == label:
        return loaded
    message = f"{loaded.source}: it is release {loaded.release.version}, and the label of its ConfigMap says {label}"
    return replace(loaded, release=None, faults=[Fault(message, f"Mend the label {marks.RELEASE}.")])


def _catalogue(loaded: Iterable[Loaded], source: str) -> Catalogue:
    every = list(loaded)
    faulty = {one.source: one.faults for one in every if one.faults}
    return Catalogue.of([one.release for one in every if one.release], source, faulty)


def _release(files: Iterable[ReadFile], source: str) -> Release:
    every = list(files)
    (head,) = (one.model for one in every if isinstance(one.model, ReleaseFile))
    return Release(
        version=Version.of(head.version),
        predecessors=tuple(map(Range.of, head.predecessors)),
        resources=tuple(_resource(one.model) for one in every if isinstance(one.model, ResourceFile)),
        definition=_definition(every),
        kubernetes=Version.of(head.kubernetes) if head.kubernetes else None,
        description=head.description,
        deprecated_since=head.deprecated.since if head.deprecated else "",
        deprecated_reason=head.deprecated.reason if head.deprecated else "",
        source=source,
    )


def _resource(model: ResourceFile) -> Resource:
    lists = tuple((Pattern.of(one.path), one.keys) for one in model.lists)
    return Resource(model.name, model.applies == "each", model.match_labels, model.resource, lists)


def _definition(files: Iterable[ReadFile]) -> Definition:
    entries: list[Entry] = []
    renamings: list[Renaming] = []
    objects: list[ObjectEntry] = []
    for file in files:
        if not isinstance(file.model, MutableFieldsFile):
            continue
        for index, one in enumerate(file.model.fields):
            place = _place(file, ("fields", index, "path"))
            policy = Policy(one.rule)
            entries.append(
                Entry(one.kind, Pattern.of(one.path), policy, one.reason, one.disruptive, one.irreversible, place)
            )
        for index, each in enumerate(file.model.renames):
            place = _place(file, ("renames", index, "from"))
            renamings.append(Renaming(each.kind, path_of(each.source), path_of(each.target), each.reason, place))
        for index, rule in enumerate(file.model.objects):
            place = _place(file, ("objects", index, "resource"))
            delete = rule.rule == "overwrite"
            objects.append(ObjectEntry(rule.resource, delete, rule.reason, rule.disruptive, rule.irreversible, place))
    return Definition.of(entries, renamings, objects)


def _place(file: ReadFile, path: tuple[str | int, ...]) -> str:
    """Line and column within the file, which is named without its folder: a release is the same wherever it lies."""
    mark = file.locate(path)
    return f"{mark.file.name}:{mark.line}:{mark.column}"

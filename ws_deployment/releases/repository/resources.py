"""Writes plans into the files of a folder: finds each object, changes, adds or removes it. Git is commit.py's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ws_deployment.errors import RefusedError
from ws_deployment.releases.plan import Action, ObjectPlan, UpgradePlan
from ws_deployment.releases.repository import files, whole
from ws_deployment.releases.repository.edit import Place, edited
from ws_deployment.releases.repository.files import Held, Search
from ws_deployment.releases.repository.tree import UneditableError, parse
from ws_deployment.releases.repository.values import own_entries, same, value_of
from ws_deployment.releases.repository.wanted import wanted

_ATTEMPTED = "writing the upgrade into"


@dataclass
class _FileChange:
    """What becomes of a file: objects changed, removed, added."""

    changed: dict[Place, Any] = field(default_factory=dict)
    removed: list[Place] = field(default_factory=list)
    added: list[Any] = field(default_factory=list)


def write(plans: Sequence[UpgradePlan], folder: Path, below: str = "") -> list[PurePosixPath]:
    """Have the files of `folder` say what `plans` make of their objects; the paths of those that changed, sorted.

    `below` is the file or folder in it that is searched. What says so already stays as it is: writing a second time
    changes nothing. Either all is written or nothing. Raises RefusedError, naming file and line, for an object that
    is not there, is there twice, differs from what was planned on, or can't be changed safely.
    """
    if ".." in PurePosixPath(below).parts or below.startswith("/") or not (folder / below).exists():
        raise RefusedError(_ATTEMPTED, on=below, why="the repository has no such path", remedy="Check --path.")
    objects = [one for plan in plans for one in plan.objects if one.action is not Action.NONE]
    found = files.search(folder, below, {one.name for one in objects})
    changes: dict[PurePosixPath, _FileChange] = {}
    for plan in plans:
        _note(plan, found, changes)
    texts = {path: _written(folder / path, path, change) for path, change in changes.items()}
    for path in [path for path, text in texts.items() if text is None]:
        texts |= _unlisted(folder, path)
    moved = sorted(path for path, text in texts.items() if text != (folder / path).read_bytes())
    for path in moved:
        text = texts[path]
        if text is None:
            (folder / path).unlink()
        else:
            (folder / path).write_bytes(text)
    return moved


def _note(plan: UpgradePlan, found: Search, changes: dict[PurePosixPath, _FileChange]) -> None:
    """Note what becomes of the files that hold the plan's objects."""
    neighbours: dict[str, Held] = {}
    for one in plan.objects:
        held = None if one.action is Action.NONE else _find(one, found)
        if held is None:
            continue
        neighbours[one.title] = held
        change = changes.setdefault(held.path, _FileChange())
        if one.action is Action.DELETE:
            change.removed.append(held.place)
        elif one.action is Action.CHANGE:
            have = _value(held)
            want = wanted(have, one.written, f"{one.title} at {held}")
            if not same(have, want):
                change.changed[held.place] = want
        elif not same(_value(held), one.result):
            raise _refused(f"{one.title} at {held}", "it is there already, and is not what the plan would create")
    for one in plan.objects:
        if one.action is Action.CREATE and one.title not in neighbours:
            held = next((at for title, at in neighbours.items() if one.replaces and one.replaces in title), None)
            held = held or next(iter(neighbours.values()), None)
            if held is None:
                raise _refused(one.title, "no object of its cluster is there that it could be put beside")
            changes.setdefault(held.path, _FileChange()).added.append(one.result)


def _find(one: ObjectPlan, found: Search) -> Held | None:
    """Where an object stands. One that is created need not be there yet, nor one that is deleted any more."""
    group = one.api_version.rpartition("/")[0]
    named = [
        held
        for held in found.named(one.kind, one.name)
        if held.api_version.rpartition("/")[0] == group and held.namespace in {one.namespace, ""}
    ]
    fitting = [held for held in named if held.namespace == one.namespace] or named
    if len(fitting) > 1:
        places = ", ".join(map(str, fitting))
        raise _refused(one.title, f"it is there more than once: {places}", "Name the right file or folder by --path.")
    if fitting:
        held = fitting[0]
        if held.api_version != one.api_version:
            why = f"it is written as {held.api_version} there, and the plan is about {one.api_version}"
            raise _refused(f"{one.title} at {held}", why, "Bring it to the plan's version first.")
        if "sops" in own_entries(held.node):  # type: ignore[arg-type]  # only mappings are held
            why = "it is signed by SOPS, and a change would break the signature"
            raise _refused(f"{one.title} at {held}", why, "Change it with sops.")
        return held
    if one.action is not Action.CHANGE:
        return None
    unread = "; ".join(map(str, found.unread))
    raise _refused(
        one.title,
        "no YAML document of that kind, namespace and name is there" + (f". Not read: {unread}" if unread else ""),
        "Is it the repository that the cluster is made from? What templates make can't be found.",
    )


def _value(held: Held) -> Any:
    try:
        return value_of(held.node)
    except UneditableError as error:
        raise _uneditable(held.path, error) from error


def _written(file: Path, path: PurePosixPath, change: _FileChange) -> bytes | None:
    """The file's new content; None where nothing is left of it."""
    former = file.read_bytes()
    text: str | None = files.decoded(former)
    try:
        if change.changed:
            text = edited(text or "", change.changed)
        for value in change.added:  # first: what is removed may be all that the file held
            text = whole.appended(text or "", value)
        for place in sorted(change.removed, reverse=True):
            text = whole.without(text or "", place)
    except UneditableError as error:
        raise _uneditable(path, error) from error
    return None if text is None else files.encoded(text, former)


def _unlisted(folder: Path, path: PurePosixPath) -> dict[PurePosixPath, bytes | None]:
    """What becomes of the kustomization beside a file that goes: it would miss it."""
    for name in ("kustomization.yaml", "kustomization.yml", "Kustomization"):
        beside = path.with_name(name)
        file = folder / beside
        if not file.is_file() or file.is_symlink():
            continue
        try:
            value = value_of(parse(files.decoded(file.read_bytes()))[0].root)
            listed = value["resources"]
        except (UneditableError, ValueError, LookupError, TypeError):
            continue  # it lists nothing that kustomize could read
        left = [one for one in listed if PurePosixPath(str(one)) != PurePosixPath(path.name)]
        change = _FileChange(changed={Place(0): {**value, "resources": left}})
        return {beside: _written(file, beside, change)} if len(left) < len(listed) else {}
    return {}


def _uneditable(path: PurePosixPath, error: UneditableError) -> RefusedError:
    return _refused(f"{path}:{error.line}", error.why, "Change it by hand, or write it in plain block style first.")


def _refused(on: str, why: str, remedy: str = "") -> RefusedError:
    return RefusedError(_ATTEMPTED, on=on, why=why, remedy=remedy)

"""The cases below releases/cases: read, and their releases made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from ws_deployment.releases.definition import Definition, Entry, ObjectEntry, Policy, Renaming
from ws_deployment.releases.paths import ABSENT, FieldPath, path_of, text_of
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.plan import FieldChange, KeptField
from ws_deployment.releases.values import Scalar

CASES = Path(__file__).parents[1] / "releases" / "cases"


def cases(folder: str) -> list[Any]:
    """All cases of the files below a folder, each with its file's name."""
    return [
        {"file": file.stem, **case}
        for file in sorted((CASES / folder).glob("*.yaml"))
        for case in yaml.safe_load(file.read_text())
    ]


def name_of(case: Any) -> str:
    """The case as its test is named."""
    return f"{case['file']}: {case['case']}"


class CaseShape:
    """What a case says of lists, mappings and values."""

    def __init__(self, case: Any) -> None:
        self._lists = [(Pattern.of(path), tuple(keys)) for path, keys in case.get("lists", {}).items()]
        self._whole = [path_of(text) for text in case.get("whole", ())]
        self._scalars = {path_of(text): Scalar.QUANTITY for text in case.get("quantities", ())}
        self._scalars |= {path_of(text): Scalar.TEXT for text in case.get("texts", ())}

    def list_keys(self, path: FieldPath) -> tuple[str, ...]:
        return next((keys for one, keys in self._lists if one.covers(path) and len(one.parts) == len(path)), ())

    def is_one_value(self, path: FieldPath) -> bool:
        return path in self._whole

    def is_set(self, path: FieldPath) -> bool:  # noqa: ARG002  no case is about one
        return False

    def scalar(self, path: FieldPath) -> Scalar:
        return self._scalars.get(path, Scalar.UNKNOWN)


def definition(case: Any) -> Definition:
    """The definition of a case, with the one laid over it and the answers."""
    kind = case.get("kind", "Widget")
    renamings = [Renaming(kind, path_of(one["from"]), path_of(one["to"]), "because") for one in case.get("renames", ())]
    objects = [
        ObjectEntry(one["resource"], one["rule"] == "overwrite", "because", irreversible=one.get("irreversible", False))
        for one in case.get("object-rules", ())
    ]
    own = Definition.of(_entries(case.get("fields", ()), kind), renamings, objects)
    return (
        Definition.of(_entries(case.get("override", ()), kind))
        .over(own)
        .answered(_entries(case.get("answers", ()), kind))
    )


def _entries(given: Iterable[Any], kind: str) -> list[Entry]:
    return [
        Entry(
            one.get("kind", kind),
            Pattern.of(one["path"]),
            Policy(one["rule"]),
            "because",
            one.get("disruptive"),
            one.get("irreversible"),
        )
        for one in given
    ]


def line(change: FieldChange) -> str:
    """A line of a diff as cases write it."""
    path, words = text_of(change.path), [str(change.rule)]
    words += [word for word, holds in (("by hand", change.changed_by_hand), ("disruptive", change.disruptive)) if holds]
    words += ["irreversible"] if change.irreversible else []
    said = f"({', '.join(words)})"
    if change.before is ABSENT:
        return f"+ {path}: {text(change.after)} {said}"
    if change.after is ABSENT:
        return f"- {path}: {text(change.before)} {said}"
    return f"~ {path}: {text(change.before)} -> {text(change.after)} {said}"


def kept_line(kept: KeptField) -> str:
    """A field that is kept, as cases write it."""
    by_hand = ", by hand" if kept.changed_by_hand else ""
    return f"{text_of(kept.path)}: {text(kept.value)}, wanted {text(kept.wanted)} ({kept.why}{by_hand})"


def text(value: Any) -> str:
    """A value as cases write it."""
    return "nothing" if value is ABSENT else json.dumps(value, sort_keys=True, separators=(",", ":"))

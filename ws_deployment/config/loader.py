"""Loads a config: files joined, values judged, all faults told at once. The one door to this room."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ws_deployment.config import inline_secrets
from ws_deployment.config.document import Document
from ws_deployment.config.extends import assemble
from ws_deployment.config.faults import Fault, KeyPath
from ws_deployment.config.paths import WrittenText
from ws_deployment.config.rules import Finding, check_fleet
from ws_deployment.config.suggest import nearest
from ws_deployment.config.tree import MappingNode, ScalarNode, descend, fault_at, plain, spot
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.config.versions import MODELS, version_of

_EVERYTHING: KeyPath = ()

#: Judges a config, for which the document tells where its values were written.
Rule = Callable[[ConfigV1, Document], Iterable[Finding | Fault]]


def load(path: Path, env: Mapping[str, str] = os.environ, rules: Iterable[Rule] = ()) -> Document:
    """The config at `path` with all that it extends, variables of `env` put in.

    `rules` are judged beside the config's own, also where the model refuses parts of it.
    Never raises for what a user can cause in a file: that is told by `faults` and `warnings` of what is returned.
    """
    assembled = assemble(path, env)
    document = Document(path=path, faults=assembled.faults, root=assembled.root, files=assembled.files)
    if assembled.root is None:
        return document
    document.faults.extend(inline_secrets.find(assembled.root))
    return _judged(document, assembled.root, (_check_fleet, *rules), complete=assembled.complete)


def _judged(document: Document, root: MappingNode, rules: Iterable[Rule], *, complete: bool) -> Document:
    version, fault = version_of(root)
    if fault:
        document.faults.append(fault)
    if version is None:
        return document
    model = MODELS[version]
    values = plain(root, _written)
    values["version"] = version
    touched: set[KeyPath] = set()
    try:
        config: ConfigV1 | None = model.model_validate(values)
    except ValidationError as error:
        from ws_deployment.config.salvage import salvage  # noqa: PLC0415  only for what is faulty

        document.faults.extend(_told(error, document, model, complete=complete))
        config, touched = salvage(model, values, error)
    doubtful = touched if complete else touched | {_EVERYTHING}
    for found in (one for rule in rules for one in rule(config, document)) if config else ():
        if _stands(found, touched, doubtful):
            fault = found if isinstance(found, Fault) else _located(found, root)
            (document.faults if fault.severity == "error" else document.warnings).append(fault)
    document.faults[:] = _without_echoes(document)
    return document if document.faults else dataclasses.replace(document, config=config)


def _check_fleet(config: ConfigV1, _: Document) -> list[Finding]:
    return check_fleet(config)


def _written(node: ScalarNode) -> Any:
    """A scalar's value; a text remembers its file's folder, which paths are relative to."""
    return WrittenText.of(node.value, node.source.path.parent) if isinstance(node.value, str) else node.value


def _told(error: ValidationError, document: Document, model: type[ConfigV1], *, complete: bool) -> list[Fault]:
    """The model's faults. Of a document that could not be read whole nothing can be said to be missing."""
    from ws_deployment.config.model_faults import faults_of  # noqa: PLC0415  only for what is faulty

    faults = faults_of(error, document, model=model)
    if complete:
        return faults
    missing = {one["loc"] for one in error.errors(include_url=False) if one["type"] == "missing"}
    return [fault for fault in faults if fault.path not in missing]


def _stands(finding: Finding | Fault, touched: set[KeyPath], doubtful: set[KeyPath]) -> bool:
    """Whether a finding is about what was written, not about what was put in the place of something faulty."""
    judged = any(_overlap(finding.path, path) or _misspelt(finding.path, path) for path in touched)
    depends = finding.depends if isinstance(finding, Finding) else ()
    based = any(_overlap(path, other) for path in depends for other in doubtful)
    return not judged and not based


def _without_echoes(document: Document) -> list[Fault]:
    """The faults without those about a value that is told to be unreadable already: they follow from that."""
    told = [fault for fault in document.faults if not fault.path]
    return [
        fault
        for fault in document.faults
        if not (_is_written(document, fault) and any(_covers(one, fault) for one in told))
    ]


def _is_written(document: Document, fault: Fault) -> bool:
    """Whether the fault is about a value that stands there, not about one that is missing."""
    return bool(fault.path) and descend(document.root, fault.path)[1] == fault.path


def _covers(one: Fault, other: Fault) -> bool:
    if not one.where or not other.where or (one.where.file, one.where.line) != (other.where.file, other.where.line):
        return False
    begins, ends = one.where.column, one.where.column + one.length
    return other.where.column < ends and begins < other.where.column + other.length


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _misspelt(path: KeyPath, other: KeyPath) -> bool:
    """Whether the value at `other` stands there in the place of that at `path`, its key misspelt."""
    return path[:-1] == other[:-1] and nearest(str(other[-1]), [str(path[-1])]) is not None


def _located(finding: Finding, root: MappingNode) -> Fault:
    node = spot(root, finding.path)
    return fault_at(node, finding.message, finding.remedy, severity=finding.severity, path=finding.path)

"""Reads one YAML file to a tree of located values. Whatever is wrong with the file is told, never raised.

Joining several files and judging the values is done elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from ws_deployment.config.compose import Composed, TooLargeError, compose
from ws_deployment.config.faults import Fault, Mark
from ws_deployment.config.source import Source
from ws_deployment.config.tree import MappingNode, ScalarNode, fault_at

#: Largest file that is read, in bytes. A config of 100 clusters has about 12 KiB.
LARGEST_FILE = 1 << 20

#: What YAML allows in no file, and the line breaks that editors don't show as such.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_HOW = "Give the path of a config, or write one: see configs/production.yaml for an example."


class Kind(NamedTuple):
    """What is said of a file that is none of the kind: where to get one, and how one begins."""

    how: str
    begin: str


CONFIG = Kind(_HOW, "Begin with `version: v1`; see configs/production.yaml for an example.")


@dataclass(frozen=True)
class ReadFile:
    """One file: its root (None when nothing can be read), its faults, and the lines that could not be read."""

    root: MappingNode | None
    faults: list[Fault]
    lost: frozenset[int] = frozenset()


def read(path: Path) -> ReadFile:
    """Read the config at `path`. Raises nothing that a user can cause."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return _unreadable(path, "there is no such file", _HOW)
    except IsADirectoryError:
        return _unreadable(path, "this is a folder, not a file", _HOW)
    except PermissionError:
        return _unreadable(path, "this file may not be read", f"Run `chmod u+r {path}`, or become its owner.")
    except (OSError, ValueError) as error:
        return _unreadable(path, f"this file can't be read: {getattr(error, 'strerror', None) or error}", _HOW)
    if len(data) > LARGEST_FILE:
        return _unreadable(path, f"the file is larger than {LARGEST_FILE >> 10} KiB", "Is it the right one?")
    return parse(path, data)


def parse(path: Path, data: bytes, kind: Kind = CONFIG) -> ReadFile:
    """What `data`, the content of `path`, holds. Raises nothing that a user can cause."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _unreadable(path, "the file is encoded as UTF-16", "Save it as UTF-8.")
    try:
        return _parse(Source(path, data.decode("utf-8-sig")), kind)
    except UnicodeDecodeError as error:
        readable = data[: error.start].decode("utf-8-sig", "replace")
        source = Source(path, data.decode("utf-8", "replace"))
        line = len(re.split(r"\r\n|\n|\r", readable))
        where = Mark(path, line, len(re.split(r"[\n\r]", readable)[-1]) + 1, source)
        message = f"the byte 0x{data[error.start]:02x} is no UTF-8"
        return ReadFile(None, [Fault(message, "Save the file as UTF-8.", where)])


def _parse(source: Source, kind: Kind) -> ReadFile:
    faults = _without_forbidden(source)
    try:
        composed, lost = _compose(source)
    except TooLargeError as error:
        return ReadFile(None, [*faults, error.fault])
    faults += composed.faults
    root = composed.root
    if isinstance(root, MappingNode):
        return ReadFile(root, faults, lost)
    if not faults:
        faults.append(_no_mapping(source, root, kind))
    return ReadFile(None, faults, lost)


def _compose(source: Source) -> tuple[Composed, frozenset[int]]:
    """The tree, of the text as it is or as it can be mended, and the lines that had to be left out."""
    try:
        return compose(source, source.lines, {}), frozenset()
    except yaml.MarkedYAMLError:
        from ws_deployment.config.mend import mend  # noqa: PLC0415  only for what can't be parsed

    mended = mend(source)
    composed = compose(source, mended.lines, mended.shifts)
    return Composed(composed.root, [*mended.faults, *composed.faults]), mended.lost


def _without_forbidden(source: Source) -> list[Fault]:
    """Tell characters that YAML forbids, and put spaces in their place."""
    faults = []
    for number, line in enumerate(source.lines, 1):
        found = _FORBIDDEN.search(line)
        if found:
            message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
            remedy = 'Remove it, or write it as "\\u…" between double quotes.'
            faults.append(Fault(message, remedy, Mark(source.path, number, found.start() + 1, source)))
            source.lines[number - 1] = _FORBIDDEN.sub(" ", line)
    return faults


def _no_mapping(source: Source, root: object, kind: Kind) -> Fault:
    if root is None or (isinstance(root, ScalarNode) and root.value is None):
        return Fault("the file is empty", kind.how, Mark(source.path, 1, 1, source))
    node = root if isinstance(root, ScalarNode) else None
    message = "the document has to be a mapping of keys to values"
    return fault_at(node, message, kind.begin) if node else Fault(message, kind.begin, Mark(source.path, 1, 1, source))


def _unreadable(path: Path, why: str, remedy: str) -> ReadFile:
    return ReadFile(None, [Fault(f"{path}: {why}", remedy)])

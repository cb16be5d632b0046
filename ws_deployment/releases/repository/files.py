"""The YAML files of a repository, and where in them objects of Kubernetes stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ws_deployment.releases.repository.edit import Place
from ws_deployment.releases.repository.tree import Document, Mapping, Node, Sequence, UneditableError, parse
from ws_deployment.releases.repository.values import own_entries, value_of

_SUFFIXES = {".yaml", ".yml"}
#: Larger files hold no resources that people write, in bytes.
_LARGEST = 16 << 20
_BOM = "\ufeff"
#: A word between what no name of Kubernetes has in it.
_WORD = re.compile(rb"""[^\s"',\[\]{}#&*!|>]+""")


@dataclass(frozen=True, slots=True)
class Held:
    """An object in a file: `path` is relative to the repository, `place` where it stands, `line` where it begins.

    `api_version`, `kind`, `namespace` and `name` are empty where it has none.
    """

    path: PurePosixPath
    place: Place
    line: int
    api_version: str
    kind: str
    namespace: str
    name: str
    node: Node

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that can't be read as YAML, and why."""

    path: PurePosixPath
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


@dataclass(frozen=True)
class Search:
    """What was found."""

    held: list[Held]
    unread: list[Unread]

    def named(self, kind: str, name: str) -> list[Held]:
        """The objects of that kind and name."""
        return self._named.get((kind, name), [])

    @cached_property
    def _named(self) -> dict[tuple[str, str], list[Held]]:
        found: dict[tuple[str, str], list[Held]] = {}
        for one in self.held:
            found.setdefault((one.kind, one.name), []).append(one)
        return found


def search(folder: Path, below: str, names: Collection[str]) -> Search:
    """All objects in the YAML files of `folder` that mention one of `names`; `below` narrows it to a file or folder.

    Links are not followed. Names that a file spells with escapes are not found.
    """
    wanted = {name.encode() for name in names}
    found = Search([], [])
    for path in _files(folder / below):
        data = path.read_bytes()
        if wanted.isdisjoint(_WORD.findall(data)):
            continue
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        try:
            found.held.extend(objects(relative, decoded(data)))
        except UneditableError as error:
            found.unread.append(Unread(relative, str(error)))
        except UnicodeDecodeError:
            found.unread.append(Unread(relative, "it is no UTF-8"))
    return found


def decoded(data: bytes) -> str:
    """A file's text, its byte order mark left out. Raises UnicodeDecodeError."""
    return data.decode("utf-8").removeprefix(_BOM)


def encoded(text: str, former: bytes) -> bytes:
    """`text` as the file that was `former` had it, with a byte order mark if that had one."""
    return (_BOM if former.startswith(_BOM.encode()) else "").encode() + text.encode()


def _files(root: Path) -> Iterator[Path]:
    paths = sorted(root.rglob("*")) if root.is_dir() else [root]
    for path in paths:
        if path.suffix in _SUFFIXES and path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
            yield path


def objects(path: PurePosixPath, text: str) -> Iterator[Held]:
    """The objects in a text; those of a List each. Raises UneditableError for what is no YAML."""
    for number, document in enumerate(parse(text)):
        yield from _of_document(path, number, document)


def _of_document(path: PurePosixPath, number: int, document: Document) -> Iterator[Held]:
    root = document.root
    if not isinstance(root, Mapping):
        return
    kind = _text(root, "kind")
    items = next((e.value for e in root.entries if getattr(e.key, "text", "") == "items"), None)
    if kind.endswith("List") and isinstance(items, Sequence):
        for index, item in enumerate(items.items):
            if isinstance(item, Mapping):
                yield _held(path, Place(number, index), item)
        return
    if kind:
        yield _held(path, Place(number), root)


def _held(path: PurePosixPath, place: Place, node: Mapping) -> Held:
    metadata = own_entries(node).get("metadata")
    about = metadata.value if metadata and isinstance(metadata.value, Mapping) else Mapping(0, 0, 0, 0)
    return Held(
        path,
        place,
        node.line,
        _text(node, "apiVersion"),
        _text(node, "kind"),
        _text(about, "namespace"),
        _text(about, "name"),
        node,
    )


def _text(node: Mapping, key: str) -> str:
    """The value of a key where it is a text; empty else."""
    entry = own_entries(node).get(key)
    try:
        value: Any = value_of(entry.value) if entry else ""
    except UneditableError:
        return ""
    return value if isinstance(value, str) else ""

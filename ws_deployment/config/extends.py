"""`extends: base.yaml`: one config on top of others, each value keeping the file and line that it comes from.

Mappings are merged, key by key. Lists are replaced, except `workspaceClusters` (merged by `prefix`) and
`metaClusters` (merged by `name`). An empty value (`key:`) takes the base's value away. Later bases win over earlier
ones, the file itself over all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ws_deployment.config.environment import expand
from ws_deployment.config.faults import Fault
from ws_deployment.config.reader import ReadFile, read
from ws_deployment.config.tree import Entry, MappingNode, Node, ScalarNode, SequenceNode, fault_at

EXTENDS = "extends"
#: Lists of the first level whose items are merged, and the key that tells which belong together.
MERGED_BY = {"workspaceClusters": "prefix", "metaClusters": "name"}
#: Files that one config may be made of.
MOST_FILES = 50


@dataclass
class Assembled:
    """A config joined from its files. `complete` is False where a part of one could not be read.

    `files` are those it was read from, the config itself first.
    """

    root: MappingNode | None = None
    faults: list[Fault] = field(default_factory=list)
    complete: bool = True
    files: list[Path] = field(default_factory=list)


def assemble(path: Path, env: Mapping[str, str]) -> Assembled:
    """The config at `path` with all that it extends. Raises nothing that a user can cause."""
    assembled = Assembled()
    _Assembler(env, assembled).assemble(path)
    return assembled


class _Assembler:
    def __init__(self, env: Mapping[str, str], into: Assembled) -> None:
        self._env, self._into = env, into
        self._roots: dict[Path, MappingNode | None] = {}

    def assemble(self, path: Path) -> None:
        self._into.root = self._joined(path, ())

    def _joined(self, path: Path, chain: tuple[Path, ...]) -> MappingNode | None:
        identity = path.absolute().resolve()
        if identity not in self._roots:
            self._roots[identity] = self._read(path, (*chain, identity))
        return self._roots[identity]

    def _read(self, path: Path, chain: tuple[Path, ...]) -> MappingNode | None:
        own = self._own(path)
        if own is None:
            return None
        extends = own.entries.pop(EXTENDS, None)
        joined: MappingNode | None = None
        for node in self._bases(extends):
            base = self._base(node, path, chain)
            if base is not None:
                joined = base if joined is None else merge(joined, base)
        return own if joined is None else merge(joined, own)

    def _own(self, path: Path) -> MappingNode | None:
        file: ReadFile = read(path)
        self._into.files.append(path)
        self._into.faults += file.faults
        if file.root is None or file.lost:
            self._into.complete = False
        if file.root is not None:
            self._into.faults += expand(file.root, self._env)
        return file.root

    def _bases(self, extends: Entry | None) -> list[ScalarNode]:
        if extends is None:
            return []
        nodes = extends.value.items if isinstance(extends.value, SequenceNode) else [extends.value]
        bases = [node for node in nodes if isinstance(node, ScalarNode) and isinstance(node.value, str)]
        for node in nodes:
            if node not in bases:
                at = node if node.length else extends.key
                self._tell(fault_at(at, "`extends` takes the path of a config, or a list of them", path=(EXTENDS,)))
        return bases

    def _base(self, node: ScalarNode, path: Path, chain: tuple[Path, ...]) -> MappingNode | None:
        try:
            base = path.parent / Path(str(node.value)).expanduser()
            identity = base.absolute().resolve()
        except (RuntimeError, OSError, ValueError) as error:
            self._tell(fault_at(node, f"this is no path: {error}", "Give a path relative to this file."))
            return None
        if identity in chain:
            names = " → ".join(one.name for one in (*chain[chain.index(identity) :], identity))
            self._tell(fault_at(node, f"the files extend each other in a circle: {names}", "Cut the circle."))
            return None
        if len(self._into.files) >= MOST_FILES:
            self._tell(fault_at(node, f"the config is made of more than {MOST_FILES} files", "Join some of them."))
            return None
        before = len(self._into.faults)
        root = self._joined(base, chain)
        # A file that can't be read has no line of its own to show: the line that asks for it is the place.
        self._into.faults[before:] = [
            fault if fault.where else fault_at(node, fault.message, "Give a path relative to this file.")
            for fault in self._into.faults[before:]
        ]
        return root

    def _tell(self, fault: Fault) -> None:
        self._into.faults.append(fault)
        self._into.complete = False


def merge(base: MappingNode, own: MappingNode) -> MappingNode:
    """`own` on top of `base`, both whole configs."""
    joined = _merge_mappings(base, own)
    for key, by in MERGED_BY.items():
        below, above = base.entries.get(key), own.entries.get(key)
        if below and above and isinstance(below.value, SequenceNode) and isinstance(above.value, SequenceNode):
            joined.entries[key] = Entry(above.key, _merge_lists(below.value, above.value, by))
    return joined


def _merge_mappings(base: MappingNode, own: MappingNode) -> MappingNode:
    entries = dict(base.entries)
    for key, entry in own.entries.items():
        below = base.entries.get(key)
        if below is not None and isinstance(entry.value, ScalarNode) and entry.value.value is None:
            del entries[key]
        elif below is not None and isinstance(below.value, MappingNode) and isinstance(entry.value, MappingNode):
            entries[key] = Entry(entry.key, _merge_mappings(below.value, entry.value))
        else:
            entries[key] = entry
    return replace(own, entries=entries)


def _merge_lists(base: SequenceNode, own: SequenceNode, by: str) -> SequenceNode:
    items = list(base.items)
    places = {identity: index for index, item in enumerate(items) if (identity := _identity(item, by)) is not None}
    for item in own.items:
        index = places.get(_identity(item, by))
        below = None if index is None else items[index]
        if index is not None and isinstance(below, MappingNode) and isinstance(item, MappingNode):
            items[index] = _merge_mappings(below, item)
        else:
            items.append(item)
    return replace(own, items=items)


def _identity(item: Node, by: str) -> object:
    entry = item.entries.get(by) if isinstance(item, MappingNode) else None
    return entry.value.value if entry and isinstance(entry.value, ScalarNode) else None

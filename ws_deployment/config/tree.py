"""The document as a tree of values that know where they were written. Reading YAML is the parser's work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from ws_deployment.config.faults import Fault, KeyPath, Mark, Severity
from ws_deployment.config.source import Source


@dataclass(slots=True)
class Node:
    """A value and its place: line and column count from 1; `length` characters of that line are underlined.

    `size` counts the values in it, each alias expanded.
    """

    source: Source
    line: int
    column: int
    length: int
    size: int = field(default=1, kw_only=True)

    @property
    def mark(self) -> Mark:
        """Where it begins."""
        return Mark(self.source.path, self.line, self.column, self.source)


@dataclass(slots=True)
class ScalarNode(Node):
    """A single value. `text` is what stands in the file, `plain` that it stands there without quotes."""

    value: str | int | float | bool | None = None
    text: str = ""
    plain: bool = True


@dataclass(slots=True)
class SequenceNode(Node):
    """A list of values."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode(Node):
    """Values by key. `last_line` is the last line that belongs to it."""

    entries: dict[str, Entry] = field(default_factory=dict)
    last_line: int = 0


@dataclass(slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: ScalarNode
    value: Node


def plain(node: Node | None, scalar: Callable[[ScalarNode], Any] = attrgetter("value")) -> Any:
    """The values alone: dicts, lists, and of each scalar what `scalar` makes of it."""
    if isinstance(node, MappingNode):
        return {key: plain(entry.value, scalar) for key, entry in node.entries.items()}
    if isinstance(node, SequenceNode):
        return [plain(item, scalar) for item in node.items]
    return scalar(node) if isinstance(node, ScalarNode) else None


def child(node: Node | None, key: str | int) -> Node | None:
    """The value under a key or at an index; None where there is none."""
    if isinstance(node, MappingNode) and isinstance(key, str):
        entry = node.entries.get(key)
        return entry.value if entry else None
    if isinstance(node, SequenceNode) and isinstance(key, int) and 0 <= key < len(node.items):
        return node.items[key]
    return None


def descend(root: Node | None, path: KeyPath) -> tuple[Node | None, KeyPath]:
    """The deepest value that `path` leads to, and the part of the path that led there.

    Steps of the path that the document does not have are passed over: pydantic puts the tags of unions there.
    """
    node, taken = root, []
    for key in path:
        below = child(node, key)
        if below is not None:
            node = below
            taken.append(key)
    return node, tuple(taken)


def spot(root: Node | None, path: KeyPath) -> Node | None:
    """What to underline for the value at `path`: it if it is a scalar with a text, else its key or its first key."""
    node, taken = descend(root, path)
    if isinstance(node, ScalarNode) and node.length:
        return node
    first = next(iter(node.entries.values())).key if isinstance(node, MappingNode) and node.entries else node
    return key_of(root, taken) or first


def key_of(root: Node | None, path: KeyPath) -> ScalarNode | None:
    """The key that the value at `path` stands under; None for an item of a list."""
    if not path or not isinstance(path[-1], str):
        return None
    parent = root
    for key in path[:-1]:
        parent = child(parent, key)
    if isinstance(parent, MappingNode) and path[-1] in parent.entries:
        return parent.entries[path[-1]].key
    return None


def fault_at(
    node: Node | None, message: str, remedy: str = "", *, severity: Severity = "error", path: KeyPath = ()
) -> Fault:
    """A fault at the place of `node`."""
    if node is None:
        return Fault(message, remedy, severity=severity, path=path)
    return Fault(message, remedy, node.mark, max(1, node.length), severity, path)

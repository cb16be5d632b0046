"""YAML text as a tree of values that know to the character where they stand. What the values mean is values.py's work.

Positions count characters from 0, lines from 1. The C parser is used where PyYAML has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Deepest nesting that is read; no Kubernetes object comes near.
_DEEPEST = 100
_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+|$)(?:#[^\r\n]*[\r\n]\s*)*)+")
_BREAK = re.compile(r"\r\n?|\n")


class UneditableError(Exception):
    """What stands at `line` can't be read, or can't be changed safely."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass(slots=True, eq=False)
class Node:
    """A value: `start` is where it begins with its anchor and tag, `body` without, `end` is behind its last character.

    Blank lines and comments behind it are not part of it.
    """

    start: int
    body: int
    end: int
    line: int
    anchor: str = ""
    tag: str | None = None


@dataclass(slots=True, eq=False)
class Scalar(Node):
    """A single value; `style` is its quote, `|` or `>`, empty for a plain one."""

    text: str = ""
    style: str = ""


@dataclass(slots=True, eq=False)
class Mapping(Node):
    """Keys and values in their order; `flow` is one in braces."""

    entries: list[Entry] = field(default_factory=list)
    flow: bool = False


@dataclass(slots=True, eq=False)
class Sequence(Node):
    """Items in their order; `flow` is one in brackets."""

    items: list[Node] = field(default_factory=list)
    flow: bool = False


@dataclass(slots=True, eq=False)
class Alias(Node):
    """`*name`: what stands elsewhere stands here too."""

    target: Node = field(kw_only=True)


@dataclass(slots=True, eq=False)
class Entry:
    """A key and its value."""

    key: Node
    value: Node


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file. `start` is where its `---` begins, or its content where it has none."""

    root: Node
    start: int
    explicit: bool


def parse(text: str) -> list[Document]:
    """The documents of a text. Raises UneditableError for what is no YAML, is too deep, or refers to nothing."""
    builder = _Builder(text)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UneditableError(mark.line + 1 if mark else 1, error.problem or "it is no YAML") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UneditableError(1, str(error).splitlines()[0]) from error
    return builder.documents


def dashes(text: str) -> list[int]:
    """Where the dashes of lists in block style stand, in ascending order."""
    tokens: Iterator[Any] = iter(yaml.scan(text, Loader=_Loader))
    return [token.start_mark.index for token in tokens if isinstance(token, yaml.tokens.BlockEntryToken)]


@dataclass
class _Frame:
    node: Mapping | Sequence
    key: Node | None = None


class _Builder:
    """Makes the tree of the parser's events."""

    def __init__(self, text: str) -> None:
        self.documents: list[Document] = []
        self._text = text
        self._open: list[_Frame] = []
        self._anchors: dict[str, Node | None] = {}
        self._begun = (0, False)

    def take(self, event: Any) -> None:
        """Take the next event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._anchors = {}
            mark: Any = event.start_mark
            self._begun = (mark.index, bool(event.explicit))
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event))
        elif isinstance(event, yaml.ScalarEvent):
            self._add(self._named(self._scalar(event)))
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._finish(event)

    def _scalar(self, event: Any) -> Scalar:
        start, end, body = self._span(event)
        style = event.style or ""
        node = Scalar(start, body, end, event.start_mark.line + 1, event.anchor or "", event.tag, event.value, style)
        if style in {"|", ">"}:
            node.end = self._block_end(body, end)
        return node

    def _block_end(self, start: int, end: int) -> int:
        """The end of a block's last line; blank lines behind it belong to it only where its header keeps them."""
        block = self._text[start:end]
        header = _BREAK.split(block, maxsplit=1)[0]
        if "+" in header.partition("#")[0]:
            return start + len(re.sub(r"(?:\r\n?|\n)\Z", "", block))
        return start + len(block.rstrip())

    def _alias(self, event: Any) -> Alias:
        start, end, line = event.start_mark.index, event.end_mark.index, event.start_mark.line + 1
        target = self._anchors.get(event.anchor)
        if target is None:
            inside = event.anchor in self._anchors
            why = "stands inside of what it stands for" if inside else "stands for nothing"
            raise UneditableError(line, f"the alias *{event.anchor} {why}")
        return Alias(start, start, end, line, target=target)

    def _begin(self, event: Any) -> None:
        start, _, body = self._span(event, collection=True)
        kind = Mapping if isinstance(event, yaml.MappingStartEvent) else Sequence
        node = kind(start, body, body, event.start_mark.line + 1, event.anchor or "", event.tag)
        node.flow = bool(event.flow_style)
        if node.anchor:
            self._anchors[node.anchor] = None
        self._open.append(_Frame(node))
        if len(self._open) > _DEEPEST:
            raise UneditableError(node.line, "it is nested too deep")

    def _finish(self, event: Any) -> None:
        node = self._open.pop().node
        ends = [entry.value.end for entry in node.entries] if isinstance(node, Mapping) else [n.end for n in node.items]
        node.end = event.end_mark.index if node.flow else max([node.body, *ends])
        self._add(self._named(node))

    def _add(self, node: Node) -> None:
        if not self._open:
            self.documents.append(Document(node, *self._begun))
            return
        frame = self._open[-1]
        if isinstance(frame.node, Sequence):
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = node
        else:
            frame.node.entries.append(Entry(frame.key, node))
            frame.key = None

    def _named(self, node: Node) -> Node:
        if node.anchor:
            self._anchors[node.anchor] = node
        return node

    def _span(self, event: Any, *, collection: bool = False) -> tuple[int, int, int]:
        """Where it begins, ends, and where what follows its anchor and tag begins."""
        start, end = event.start_mark.index, event.end_mark.index
        found = _PROPERTIES.match(self._text, start) if event.anchor or event.tag else None
        body = found.end() if found else start
        return start, end, body if collection else min(body, end)

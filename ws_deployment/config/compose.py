"""From YAML text to the tree of located values: one pass over the parser's events, without recursion.

The C parser is used where PyYAML has it. A syntax error ends the pass; mending the text is done elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from ws_deployment.config import scalars
from ws_deployment.config.faults import Fault
from ws_deployment.config.source import Source
from ws_deployment.config.suggest import did_you_mean
from ws_deployment.config.tree import Entry, MappingNode, Node, ScalarNode, SequenceNode, fault_at

#: Bounds that no sensible config reaches; they keep a hostile one from exhausting time and memory.
DEEPEST, LARGEST = 40, 100_000
#: Characters of text that count as one value towards LARGEST.
_TEXT_UNIT = 100

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "<<"


class TooLargeError(Exception):
    """The document is deeper or larger than any config; `fault` tells where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True)
class Composed:
    """The document's root (None when it is empty) and what is wrong in it apart from syntax."""

    root: Node | None
    faults: list[Fault]


def events(text: str) -> Iterator[Any]:
    """The parser's events. Raises yaml.MarkedYAMLError where the text is no YAML."""
    loader = _Loader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def compose(source: Source, lines: Sequence[str], shifts: Mapping[int, int]) -> Composed:
    """The tree of `lines`, which are `source`'s, mended or not.

    `shifts` tells for each mended line by how many columns it was moved to the left, so that places are those of the
    file as it was written. Raises yaml.MarkedYAMLError and TooLargeError.
    """
    builder = _Builder(source, lines, shifts)
    for event in events("\n".join(lines)):
        builder.take(event)
    return Composed(builder.root, builder.faults)


@dataclass
class _Frame:
    """A list or mapping that is not complete yet."""

    node: MappingNode | SequenceNode
    anchor: str | None
    key: ScalarNode | None = None
    merged: list[Node] = field(default_factory=list)


class _Builder:
    def __init__(self, source: Source, lines: Sequence[str], shifts: Mapping[int, int]) -> None:
        self._source, self._lines, self._shifts = source, lines, shifts
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self.root: Node | None = None
        self.faults: list[Fault] = []

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1

    def _place(self, event: Any) -> tuple[Source, int, int, int]:
        start, end = event.start_mark, event.end_mark
        line = start.line + 1
        text = self._lines[start.line] if start.line < len(self._lines) else ""
        last = end.column if end.line == start.line else len(text.rstrip())
        return self._source, line, start.column + 1 + self._shifts.get(line, 0), max(0, last - start.column)

    def _scalar(self, event: Any) -> None:
        quoted = not event.implicit[0] and event.tag is None
        node = ScalarNode(*self._place(event), text=event.value, plain=not quoted)
        try:
            node.value = scalars.resolve(event.value, quoted=quoted, tag=event.tag)
        except scalars.UnknownTagError:
            self._tell(node, f"the tag `{event.tag}` has no meaning here", "Write the value without a tag.")
        except ValueError as error:
            self._tell(node, str(error), "Remove the tag, or mend the value.")
        node.size = 1 + len(event.value) // _TEXT_UNIT
        self._keep(event.anchor, node)
        self._add(node)

    def _open(self, event: Any) -> None:
        kind = MappingNode if isinstance(event, yaml.MappingStartEvent) else SequenceNode
        node = kind(*self._place(event))
        if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self._tell(node, f"the tag `{event.tag}` has no meaning here", "Write the value without a tag.")
        if len(self._stack) >= DEEPEST:
            raise TooLargeError(fault_at(node, f"values are nested more than {DEEPEST} deep", "Flatten the document."))
        self._stack.append(_Frame(node, event.anchor))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        node = frame.node
        if isinstance(node, MappingNode):
            node.last_line = event.end_mark.line + (event.end_mark.column > 0)
            self._merge(node, frame.merged)
            node.size = 1 + sum(entry.value.size for entry in node.entries.values())
        else:
            node.size = 1 + sum(item.size for item in node.items)
        if node.size > LARGEST:
            remedy = "Split the document, or repeat less by aliases."
            raise TooLargeError(fault_at(node, f"the document holds more than {LARGEST} values", remedy))
        self._keep(frame.anchor, node)
        self._add(node)

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            node = ScalarNode(*self._place(event))
            if any(frame.anchor == event.anchor for frame in self._stack):
                self._tell(node, f"`*{event.anchor}` stands inside its own anchor", "A value can't contain itself.")
            else:
                remedy = did_you_mean(event.anchor, self._anchors, what="anchors so far")
                remedy = remedy or f"Put `&{event.anchor}` before it, or quote it if it is a text."
                self._tell(node, f"`*{event.anchor}` refers to no anchor above", remedy)
            known = node
        self._add(known)

    def _keep(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _add(self, node: Node) -> None:
        if not self._stack:
            self._finish(node)
            return
        frame = self._stack[-1]
        if isinstance(frame.node, SequenceNode):
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = self._as_key(node)
        else:
            self._enter(frame, frame.key, node)
            frame.key = None

    def _as_key(self, node: Node) -> ScalarNode:
        if isinstance(node, ScalarNode):
            return node
        self._tell(node, "a key has to be a plain word, not a list or mapping", "Quote it if it is a text.")
        return ScalarNode(node.source, node.line, node.column, node.length, text="?")

    def _enter(self, frame: _Frame, key: ScalarNode, node: Node) -> None:
        if not isinstance(frame.node, MappingNode):
            return
        if key.plain and key.text == _MERGE:
            frame.merged.extend(reversed(node.items) if isinstance(node, SequenceNode) else [node])
            return
        first = frame.node.entries.get(key.text)
        if first is None:
            frame.node.entries[key.text] = Entry(key, node)
        elif key.text != "?":
            remedy = "Remove one of the two; the first is read until then."
            self._tell(key, f"`{key.text}` is given twice; first in line {first.key.line}", remedy)

    def _merge(self, node: MappingNode, merged: list[Node]) -> None:
        inherited: dict[str, Entry] = {}
        for source in merged:
            if isinstance(source, MappingNode):
                inherited.update(source.entries)
            else:
                self._tell(source, "`<<` takes a mapping, or a list of mappings", "Refer to one by `<<: *anchor`.")
        if inherited:
            node.entries = {**inherited, **node.entries}

    def _finish(self, node: Node) -> None:
        if self._documents == 1:
            self.root = node
        elif self._documents == 2 and not (isinstance(node, ScalarNode) and node.value is None):  # noqa: PLR2004  the second document
            self._tell(node, "a second document begins here", "Keep one document in a file; remove the `---` above.")

    def _tell(self, node: Node, message: str, remedy: str) -> None:
        self.faults.append(fault_at(node, message, remedy))

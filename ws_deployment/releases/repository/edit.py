"""Has a YAML text say other values, changing only the lines on which they stand.

Comments, order, indentation, quotes and line ends of everything else stay as they are, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Values
from dataclasses import dataclass
from typing import Any, NamedTuple

from ws_deployment.releases.repository import render
from ws_deployment.releases.repository.alignment import aligned
from ws_deployment.releases.repository.layout import Habits, Layout, habits
from ws_deployment.releases.repository.literal import change_literal
from ws_deployment.releases.repository.patch import Patch
from ws_deployment.releases.repository.tree import (
    Alias,
    Document,
    Entry,
    Mapping,
    Node,
    Scalar,
    Sequence,
    UneditableError,
    parse,
)
from ws_deployment.releases.repository.units import Unit, change_block, change_flow
from ws_deployment.releases.repository.values import is_merge, key_of, own_entries, same, taken_over, value_of

_COLON = re.compile(r"[ \t]*:")


class Place(NamedTuple):
    """Which document of a file (from 0); in a List, which of its items, else -1."""

    document: int
    item: int = -1


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a value stands: below a key (`entry`), behind a dash, within brackets, or alone in its document."""

    entry: Entry | None = None
    dash: int | None = None
    flow: bool = False


def at(documents: list[Document], place: Place) -> Node:
    """The tree of the object at a place."""
    root = documents[place.document].root
    if place.item < 0:
        return root
    items = own_entries(root)["items"].value if isinstance(root, Mapping) else root
    assert isinstance(items, Sequence)  # noqa: S101  the place was found there
    return items.items[place.item]


def edited(text: str, wanted: Values[Place, Any]) -> str:
    """`text` with each object as `wanted`. Raises UneditableError for what can't be changed safely."""
    documents = parse(text)
    layout = Layout(text)
    patch, style = Patch(layout), habits(layout, documents)
    for number in sorted({place.document for place in wanted}):
        editor = _Editor(documents[number].root, patch, style)
        for place in sorted(one for one in wanted if one.document == number):
            editor.change(at(documents, place), wanted[place])
        editor.loosen_aliases()
    made = patch.made()
    _check(documents, made, wanted)
    return made


class _Editor:
    """Changes one document."""

    def __init__(self, root: Node, patch: Patch, style: Habits) -> None:
        self._patch, self._layout, self._habits = patch, patch.layout, style
        self._slots: dict[int, _Slot] = {}
        self._aliases: list[Alias] = []
        #: What nodes with an anchor become, and the aliases that were judged by that.
        self._becomes: dict[int, Any] = {}
        self._judged: set[int] = set()
        self._walk(root, _Slot())

    def change(self, node: Node, want: Any) -> None:
        """Have `node` say `want`."""
        have = value_of(node)
        if isinstance(node, Alias):
            self._judged.add(id(node))
            if not same(self._becomes.get(id(node.target), have), want):
                self._replace(node, want)
            return
        if same(have, want):
            return
        if node.anchor:
            self._becomes[id(node)] = want
        if isinstance(node, Mapping) and isinstance(want, dict) and want and node.entries:
            self._change_mapping(node, have, want)
        elif isinstance(node, Sequence) and isinstance(want, list) and want and node.items:
            self._change_sequence(node, have, want)
        else:
            self._replace(node, want)

    def loosen_aliases(self) -> None:
        """Write out what aliases stood for, where that was changed and they shall stay."""
        for alias in self._aliases:
            changed = id(alias.target) in self._becomes
            if id(alias) in self._judged or not changed or self._patch.covers(alias.start):
                continue
            if id(alias) not in self._slots:
                raise UneditableError(alias.line, f"`<<` takes over &{alias.target.anchor}, which changes")
            self._replace(alias, value_of(alias))

    # -- mappings and lists --------------------------------------------------------------------------------------

    def _change_mapping(self, node: Mapping, have: dict[str, Any], want: dict[str, Any]) -> None:
        own, merged = own_entries(node), taken_over(node)
        for key in sorted(merged.keys() - want.keys()):
            raise UneditableError(node.line, f"`{key}` goes away, and `<<` takes it over from elsewhere")
        units = [Unit(entry.key.start, entry.value.end) for entry in node.entries]
        gone = {
            number for number, entry in enumerate(node.entries) if not is_merge(entry) and (key_of(entry) not in want)
        }
        for key, entry in own.items():
            if key in want:
                self.change(entry.value, want[key])
        added = {key: want[key] for key in want if key not in own and not (key in have and same(have[key], want[key]))}
        if node.flow:
            if len(gone) == len(units):
                self._replace(node, want)
                return
            quote = _quote_of(node.entries[0].key)
            texts = [
                [f"{render.key_text(key, quote=quote)}: {render.inline(value, quote=quote, flow=True)}"]
                for key, value in added.items()
            ]
            change_flow(self._patch, units, gone, {len(units): texts})
            return
        lines = [render.entry(key, value, self._habits) for key, value in added.items()]
        change_block(self._patch, units, gone, {len(units): lines})

    def _change_sequence(self, node: Sequence, have: list[Any], want: list[Any]) -> None:
        gone: set[int] = set()
        new: dict[int, list[Any]] = {}
        for kind, low, high, first, last in aligned(have, want):
            pairs = 0 if kind in {"insert", "delete"} else min(high - low, last - first)
            for index in range(pairs):
                self.change(node.items[low + index], want[first + index])
            gone.update(range(low + pairs, high))
            if first + pairs < last:
                new.setdefault(low + pairs, []).extend(want[first + pairs : last])
        if node.flow:
            units = [Unit(item.start, item.end) for item in node.items]
            if len(gone) == len(units):
                self._replace(node, want)
                return
            quote = next((_quote_of(item) for item in node.items if isinstance(item, Scalar)), "")
            texts = {
                number: [[render.inline(value, quote=quote, flow=True)] for value in values]
                for number, values in new.items()
            }
            change_flow(self._patch, units, gone, texts)
            return
        units = [Unit(self._layout.dash_of(item), max(item.end, self._layout.dash_of(item) + 1)) for item in node.items]
        lines = {number: [render.item(value, self._habits) for value in values] for number, values in new.items()}
        change_block(self._patch, units, gone, lines)

    # -- single values -------------------------------------------------------------------------------------------

    def _replace(self, node: Node, want: Any) -> None:
        """Write `want` in the place of all that stands there."""
        slot = self._slots.get(id(node), _Slot())
        if slot.entry is None and slot.dash is None and not slot.flow:
            raise UneditableError(node.line, "the whole object would become something else")
        if slot.flow:
            quote = _quote_of(node)
            self._put_inline(node, render.inline(want, quote=quote, flow=True))
        elif isinstance(node, Scalar) and node.style in {"|", ">"} and render.as_literal(want):
            change_literal(self._patch, node, want, self._content_indent(slot))
        elif render.is_block(want) or render.as_literal(want):
            self._replace_by_lines(node, want, slot)
        elif isinstance(node, Mapping | Sequence) and not node.flow:
            self._replace_lines(node, render.inline(want), slot)
        else:
            self._put_inline(node, render.inline(want, quote=_quote_of(node)))

    def _put_inline(self, node: Node, text: str) -> None:
        if node.body == node.end:  # nothing stands there but a colon or a dash
            self._patch.put(node.end, node.end, f" {text}")
        else:
            self._patch.put(node.body, node.end, text)

    def _replace_lines(self, node: Node, text: str, slot: _Slot) -> None:
        """Put a single value in the place of a mapping or list in block style."""
        if not self._layout.begins_line(node.body):  # behind its dash
            self._patch.put(node.body, node.end, text)
            return
        behind = self._behind(node, slot)
        self._patch.put(behind, behind, f" {text}")
        self._patch.drop_lines(node.body, node.end)

    def _replace_by_lines(self, node: Node, want: Any, slot: _Slot) -> None:
        """Put what takes several lines in the place of anything."""
        literal = render.as_literal(want)
        if literal:
            self._replace_by_literal(node, *literal, slot)
            return
        lines = render.block(want, self._habits)
        block = isinstance(node, Mapping | Sequence) and not node.flow
        if block and self._layout.begins_line(node.body):
            self._patch.drop_lines(node.body, node.end)
            self._patch.put_lines(self._layout.line_start(node.body), lines, self._indent_of(want, slot))
        elif block:  # behind its dash
            end = self._layout.line_end(node.end)
            self._patch.put_hanging(node.body, end, lines, self._layout.column(node.body))
        elif slot.entry is None:
            first, *rest = lines
            column = self._content_indent(slot) if node.body == node.end else self._layout.column(node.body)
            self._put_inline(node, first)
            self._patch.put_lines(self._layout.next_line(node.end), rest, column)
        else:
            self._patch.put(self._behind(node, slot), node.end, "")
            self._patch.put_lines(self._layout.next_line(node.end), lines, self._indent_of(want, slot))

    def _replace_by_literal(self, node: Node, header: str, lines: list[str], slot: _Slot) -> None:
        """Put a text of several lines in the place of anything but one."""
        indent = self._content_indent(slot)
        if not isinstance(node, Mapping | Sequence) or node.flow:
            self._put_inline(node, header)
            self._patch.put_lines(self._layout.next_line(node.end), lines, indent)
        elif self._layout.begins_line(node.body):
            # What stands between key and value goes too: within a text a comment would be none.
            end = self._layout.line_end(node.end)
            self._patch.put_hanging(self._behind(node, slot), end, [f" {header}", *lines], indent)
        else:
            end = self._layout.line_end(node.end)
            self._patch.put_hanging(node.body, end, [header, *lines], indent)

    def _behind(self, node: Node, slot: _Slot) -> int:
        """Where what stands before a value ends: its anchor and tag, or its key's colon, or its dash."""
        text = self._layout.text
        if node.body > node.start:
            return node.start + len(text[node.start : node.body].rstrip())
        if slot.entry is None:
            return (slot.dash or 0) + 1
        colon = _COLON.match(text, slot.entry.key.end)
        if colon is None:
            raise UneditableError(slot.entry.key.line, "the key is not followed by its colon")
        return colon.end()

    def _content_indent(self, slot: _Slot) -> int:
        if slot.entry is not None:
            return self._layout.column(slot.entry.key.start) + self._habits.step
        return self._layout.column(slot.dash or 0) + 2

    def _indent_of(self, want: Any, slot: _Slot) -> int:
        """Where the lines of a mapping or list begin."""
        if slot.entry is not None and isinstance(want, list):
            return self._layout.column(slot.entry.key.start) + self._habits.dash
        return self._content_indent(slot)

    def _walk(self, root: Node, slot: _Slot) -> None:
        """Note where every value stands, and all aliases."""
        waiting = [(root, slot)]
        while waiting:
            node, here = waiting.pop()
            self._slots[id(node)] = here
            if isinstance(node, Alias):
                self._aliases.append(node)
            elif isinstance(node, Sequence):
                for item in node.items:
                    dash = None if node.flow else self._layout.dash_of(item)
                    waiting.append((item, _Slot(dash=dash, flow=node.flow)))
            elif isinstance(node, Mapping):
                for entry in node.entries:
                    if is_merge(entry):
                        self._note_merged(entry.value)
                    else:
                        waiting.append((entry.value, _Slot(entry=entry, flow=node.flow)))

    def _note_merged(self, node: Node) -> None:
        """Note the aliases of a `<<`: they can't be written out."""
        for one in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(one, Alias):
                self._aliases.append(one)


def _quote_of(node: Node) -> str:
    return node.style if isinstance(node, Scalar) and node.style in {"'", '"'} else ""


def _check(before: list[Document], text: str, wanted: Values[Place, Any]) -> None:
    """Raise UneditableError unless `text` says what is wanted, and nothing else became something else."""
    first = min((at(before, place).line for place in wanted), default=1)
    try:
        after = parse(text)
    except UneditableError as error:
        raise UneditableError(first, f"written otherwise it could not be read: {error.why}") from error
    for number in sorted({place.document for place in wanted}):
        says = value_of(after[number].root) if len(after) == len(before) else None
        if not same(_with(before, number, wanted), says):
            line = min(at(before, place).line for place in wanted if place.document == number)
            raise UneditableError(line, "it is written in a way in which it can't be changed line by line")


def _with(documents: list[Document], number: int, wanted: Values[Place, Any]) -> Any:
    """What a document shall say."""
    value = value_of(documents[number].root)
    for place, want in wanted.items():
        if place.document == number and place.item < 0:
            value = want
        elif place.document == number:
            value["items"][place.item] = want
    return value

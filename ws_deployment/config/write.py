"""Writes a config as YAML again: joined from all its files, with a word about each value where one is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ws_deployment.config.faults import KeyPath
from ws_deployment.config.scalars import resolve
from ws_deployment.config.tree import MappingNode, Node, ScalarNode, SequenceNode

#: Texts that mean themselves without quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_./$][A-Za-z0-9_./@=+$-]*(?:[: ][A-Za-z0-9_./@=+$-]+)*")
#: YAML 1.1 reads `5e-324` as a text: its numbers need a point before the exponent.
_WHOLE_MANTISSA = re.compile(r"^(-?[0-9]+)e")
_INDENT = "  "

#: What a value is written as, and what is said about it, at its path.
Value = Callable[[KeyPath, ScalarNode], Any]
Remark = Callable[[ScalarNode], str]


def to_yaml(root: Node, value: Value = lambda _, node: node.value, remark: Remark = lambda _: "") -> str:
    """The tree as YAML in block style. `value` may put another scalar in a place, `remark` a comment behind it."""
    lines = list(_Writer(value, remark).lines(root, (), 0))
    width = max((len(text) for text, said in lines if said), default=0)
    return "".join(f"{text.ljust(width)}  # {said}\n" if said else f"{text}\n" for text, said in lines)


class _Writer:
    def __init__(self, value: Value, remark: Remark) -> None:
        self._value, self._remark = value, remark

    def lines(self, node: Node, path: KeyPath, depth: int) -> Iterator[tuple[str, str]]:
        """Lines of a list or mapping, each with its remark."""
        margin = _INDENT * depth
        if isinstance(node, MappingNode):
            for key, entry in node.entries.items():
                yield from self._under(f"{margin}{text_of(key)}:", entry.value, (*path, key), depth)
        elif isinstance(node, SequenceNode):
            for index, item in enumerate(node.items):
                yield from self._item(margin, item, (*path, index), depth)
        else:
            yield from self._under("", node, path, depth)

    def _under(self, head: str, node: Node, path: KeyPath, depth: int) -> Iterator[tuple[str, str]]:
        if isinstance(node, ScalarNode):
            yield f"{head} {text_of(self._value(path, node))}".strip("\n"), self._remark(node)
        elif isinstance(node, MappingNode) and not node.entries:
            yield f"{head} {{}}", ""
        elif isinstance(node, SequenceNode) and not node.items:
            yield f"{head} []", ""
        else:
            yield head, ""
            yield from self.lines(node, path, depth + isinstance(node, MappingNode))

    def _item(self, margin: str, item: Node, path: KeyPath, depth: int) -> Iterator[tuple[str, str]]:
        """An item's first line stands behind the dash."""
        if isinstance(item, ScalarNode) or not (getattr(item, "entries", None) or getattr(item, "items", None)):
            yield from self._under(f"{margin}-", item, path, depth)
            return
        for number, (text, said) in enumerate(self.lines(item, path, depth + 1)):
            yield (f"{margin}- {text[len(margin) + 2 :]}", said) if number == 0 else (text, said)


def text_of(value: Any) -> str:
    """A scalar as YAML: a text without quotes where it is still one then."""
    if not isinstance(value, str):
        return _WHOLE_MANTISSA.sub(r"\1.0e", json.dumps(value))
    if _PLAIN.fullmatch(value) and not value.endswith(":") and resolve(value, quoted=False, tag=None) == value:
        return str(value)
    quoted = json.dumps(str(value), ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)

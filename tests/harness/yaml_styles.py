"""Writes JSON values as YAML in all styles that people use, by chance: quotes, braces, comments, indentation."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from ws_deployment.releases.repository import render


class Styles:
    """One writer. Its choices are `chance`'s. With `anchors` it names values and refers to them later."""

    def __init__(self, chance: Random, *, anchors: bool = False) -> None:
        self._chance = chance
        self._step = chance.choice([2, 2, 4])
        self._dash = chance.choice([0, 2])
        self._comments = 0
        self._anchors = anchors
        self._named: list[str | int] = []

    def document(self, value: dict[str, Any]) -> str:
        """A whole document."""
        return "\n".join([*self._noise(0), *self._mapping(value, 0), ""])

    def _mapping(self, value: dict[str, Any], indent: int) -> list[str]:
        lines: list[str] = []
        for key, one in value.items():
            lines += self._noise(indent)
            quoted = json.dumps(key) if self._chance.random() < 0.1 else render.key_text(key)
            lines += self._below(" " * indent + quoted + self._chance.choice([":", ":", ":", " :"]), one, indent)
        return lines

    def _below(self, head: str, value: Any, indent: int) -> list[str]:
        if not render.is_block(value) or self._chance.random() < 0.2:
            return self._scalar(head, value, indent)
        if isinstance(value, list):
            return [head + self._remark(), *self._items(value, indent + self._dash)]
        return [head + self._remark(), *self._mapping(value, indent + self._step)]

    def _items(self, value: list[Any], indent: int) -> list[str]:
        lines: list[str] = []
        for one in value:
            lines += self._noise(indent)
            head = " " * indent + "-"
            if render.is_block(one) and self._chance.random() < 0.9:
                inner = self._mapping(one, indent + 2) if isinstance(one, dict) else self._items(one, indent + 2)
                if inner[0].strip() and not inner[0].lstrip().startswith("#"):
                    lines += [head + " " + inner[0][indent + 2 :], *inner[1:]]
                else:
                    lines += [head + self._remark(), *inner]
            else:
                lines += self._scalar(head, one, indent)
        return lines

    def _scalar(self, head: str, value: Any, indent: int) -> list[str]:
        literal = render.as_literal(value)
        if literal:
            return [f"{head} {literal[0]}{self._remark()}", *render.indented(literal[1], indent + self._step)]
        if value is None and self._chance.random() < 0.5:
            return [head + self._remark()]
        if self._anchors and type(value) in {str, int}:
            known = [number for number, one in enumerate(self._named) if type(one) is type(value) and one == value]
            if known and self._chance.random() < 0.7:
                return [f"{head} *a{known[-1]}{self._remark()}"]
            if self._chance.random() < 0.4:
                self._named.append(value)
                head += f" &a{len(self._named) - 1}"
        quote = self._chance.choice(["", "", "'", '"'])
        return [f"{head} {render.inline(value, quote=quote)}{self._remark()}"]

    def _remark(self) -> str:
        if self._chance.random() < 0.8:
            return ""
        self._comments += 1
        return f"  # remark {self._comments}"

    def _noise(self, indent: int) -> list[str]:
        if self._chance.random() < 0.85:
            return []
        self._comments += 1
        return [self._chance.choice(["", f"{' ' * indent}# comment {self._comments}"])]

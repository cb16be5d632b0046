"""Patterns of paths, as rules name fields: `spec.version`, `spec.files[path=/x].content`, `spec.pools.*`.

A pattern is about the field and all that is below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ws_deployment.releases.paths import FieldPath, Item, Part, split

_ANY = "*"


@dataclass(frozen=True)
class Pattern:
    """A pattern: `parts` are keys (`*` is any), or the keys and values that items have to have (none: any item)."""

    text: str
    parts: tuple[str | tuple[tuple[str, Any], ...], ...]

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Read a pattern. Raises ValueError for what is none."""
        parts = [key if pairs is None else tuple(sorted(pairs.items())) for key, pairs in split(text)]
        return cls(text, tuple(parts))

    def covers(self, path: FieldPath) -> bool:
        """Whether it is about the field at `path`: that very field, or one that this is below of."""
        return len(self.parts) <= len(path) and self._begins(path)

    def reaches_below(self, path: FieldPath) -> bool:
        """Whether it may be about a field below `path`."""
        return len(self.parts) > len(path) and self._begins(path)

    @property
    def weight(self) -> tuple[int, int]:
        """Of two patterns about one field the one with the higher weight is the more precise."""
        named = sum(len(part) if isinstance(part, tuple) else part != _ANY for part in self.parts)
        return len(self.parts), named

    def _begins(self, path: FieldPath) -> bool:
        return all(_fits(part, one) for part, one in zip(self.parts, path, strict=False))


def _fits(part: str | tuple[tuple[str, Any], ...], one: Part) -> bool:
    if isinstance(part, str):
        return isinstance(one, str) and part in (_ANY, one)
    return isinstance(one, Item) and all(dict(one.keys).get(key) == value for key, value in part)

"""Paths of fields in Kubernetes objects: how they are written, what is there, and what is put there.

A path goes through mappings by key and through lists by the keys that tell their items apart. Lists without such keys
are one value: no path goes into them. Patterns of paths are the rules' business.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Absent(enum.Enum):
    """Tells a field that is not there from one whose value is null."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Item:
    """The item of a list in which these fields have these values: `((key, value), …)`, sorted by key."""

    keys: tuple[tuple[str, str | int | bool], ...]

    @classmethod
    def of(cls, **keys: str | int | bool) -> Item:
        """The item with these keys."""
        return cls(tuple(sorted(keys.items())))

    def fits(self, value: Any) -> bool:
        """Whether `value` is that item."""
        return isinstance(value, Mapping) and all(value.get(key, ABSENT) == wanted for key, wanted in self.keys)

    def __str__(self) -> str:
        return f"[{','.join(f'{_quoted(key)}={_scalar(value)}' for key, value in self.keys)}]"


#: A key of a mapping, or an item of a list.
Part = str | Item
#: From the object's root to a field: ("spec", "taints", Item.of(key="a"), "effect").
FieldPath = tuple[Part, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_$/-]+")
_WORDS = {"true": True, "false": False}
_TOKEN = re.compile(
    r"""(?P<dot>\.)?(?:(?P<key>[A-Za-z0-9_$/*-]+)|(?P<quoted>"(?:[^"\\]|\\.)*")|\[(?P<item>(?:[^\]"]|"(?:[^"\\]|\\.)*")*)\])"""
)
_PAIR = re.compile(
    r"""\s*(?P<key>[A-Za-z0-9_$/.-]+|"(?:[^"\\]|\\.)*")\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|[^,"]*?)\s*(?:,|$)"""
)


def text_of(path: FieldPath) -> str:
    """A path as people write it: `spec.taints[key=a].effect`, `metadata.labels."a.b/c"`."""
    text = ""
    for part in path:
        text += str(part) if isinstance(part, Item) else f"{'.' if text else ''}{_quoted(part)}"
    return text


def path_of(text: str) -> FieldPath:
    """The path that `text_of` has written. Raises ValueError for what is none."""
    parts: list[Part] = []
    for key, pairs in split(text):
        if pairs is None:
            parts.append(key)
        elif pairs:
            parts.append(Item(tuple(sorted(pairs.items()))))
        else:
            msg = f"`{text}` names no single item of a list"
            raise ValueError(msg)
    return tuple(parts)


def split(text: str) -> list[tuple[str, dict[str, Any] | None]]:
    """The parts of a path or pattern: a key with None, or an item's keys and values (empty for `[*]`).

    Raises ValueError for what can't be read.
    """
    parts: list[tuple[str, dict[str, Any] | None]] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        starts = found is not None and (found["dot"] is not None) == bool(parts and found["item"] is None)
        if found is None or not starts:
            msg = f"`{text}` is no path: it can't be read from character {at + 1} on"
            raise ValueError(msg)
        if found["item"] is not None:
            parts.append(("", _pairs(found["item"], text)))
        else:
            parts.append((json.loads(found["quoted"]) if found["quoted"] else found["key"], None))
        at = found.end()
    if not parts or parts[0][1] is not None:
        msg = f"`{text}` is no path: it begins with a key, such as `spec`"
        raise ValueError(msg)
    return parts


def path_as_json(path: FieldPath) -> list[Any]:
    """JSON values: a text for a key, a mapping of keys and values for an item of a list."""
    return [dict(part.keys) if isinstance(part, Item) else part for part in path]


def path_from_json(data: Any) -> FieldPath:
    """The path that `path_as_json` gave. Raises TypeError or ValueError for anything else."""
    return tuple(part if isinstance(part, str) else Item(tuple(sorted(dict(part).items()))) for part in data)


def value_at(root: Any, path: FieldPath) -> Any:
    """The value at `path`; ABSENT where there is none."""
    here = root
    for part in path:
        if isinstance(part, Item):
            here = next((one for one in here if part.fits(one)), ABSENT) if isinstance(here, list) else ABSENT
        else:
            here = here.get(part, ABSENT) if isinstance(here, Mapping) else ABSENT
        if here is ABSENT:
            break
    return here


def with_value(root: Any, path: FieldPath, value: Any) -> Any:
    """`root` with `value` at `path`; ABSENT takes it away. What is on the way is made. `root` itself stays as it is.

    A new item of a list comes last; a mapping that becomes empty by taking away stays, as the API server keeps it.
    """
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(head, Item):
        return _with_item(root if isinstance(root, list) else [], head, rest, value)
    here = dict(root) if isinstance(root, Mapping) else {}
    if rest and value is ABSENT and head not in here:
        return here
    below = with_value(here.get(head), rest, value)
    if below is ABSENT:
        here.pop(head, None)
    else:
        here[head] = below
    return here


def _with_item(items: list[Any], head: Item, rest: FieldPath, value: Any) -> list[Any]:
    found = next((index for index, one in enumerate(items) if head.fits(one)), None)
    if found is None:
        if value is ABSENT:
            return list(items)
        return [*items, with_value(dict(head.keys), rest, value)]
    below = with_value(items[found], rest, value)
    return [*items[:found], *(() if below is ABSENT else (below,)), *items[found + 1 :]]


def _pairs(text: str, whole: str) -> dict[str, Any]:
    if text.strip() in {"", "*"}:
        return {}
    pairs: dict[str, Any] = {}
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if not found:
            msg = f"`[{text}]` in `{whole}` names no item: write it like `[name=x]`"
            raise ValueError(msg)
        key = json.loads(found["key"]) if found["key"].startswith('"') else found["key"]
        pairs[key] = _read(found["value"])
        at = found.end()
    return pairs


def _read(text: str) -> str | int | bool:
    if text.startswith('"'):
        return str(json.loads(text))
    return _WORDS[text] if text in _WORDS else int(text) if re.fullmatch(r"-?\d+", text) else text


def _quoted(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _scalar(value: str | int | bool) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    bare = bool(re.fullmatch(r"[A-Za-z0-9_$/.:@-]+", value))
    return value if bare and _read(value) == value else json.dumps(value, ensure_ascii=False)

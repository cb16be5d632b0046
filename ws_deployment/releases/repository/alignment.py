"""Which items of a list are which after it has changed."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import Any

#: Fields by which the items of Kubernetes' lists are told apart, the most telling first.
_ITEM_KEYS = ("name", "key", "id", "containerPort", "port", "ip", "mountPath", "path", "type")


def aligned(have: list[Any], want: list[Any]) -> list[tuple[str, int, int, int, int]]:
    """How `have` becomes `want`, as difflib's operations. Items are told apart by a field, else by all that they say.

    Items that are *equal* by their field may differ in others.
    """
    return SequenceMatcher(None, *_tokens(have, want), autojunk=False).get_opcodes()  # type: ignore[return-value]


def _tokens(have: list[Any], want: list[Any]) -> tuple[list[str], list[str]]:
    """What tells the items of two lists apart: a field that all of them have, each another; else all that they say."""
    for key in _ITEM_KEYS:
        both = [[one.get(key) if isinstance(one, dict) else None for one in each] for each in (have, want)]
        plain = all(isinstance(name, str | int) for names in both for name in names)
        if plain and all(len(set(names)) == len(names) for names in both):
            return [str(name) for name in both[0]], [str(name) for name in both[1]]
    return [json.dumps(one, sort_keys=True) for one in have], [json.dumps(one, sort_keys=True) for one in want]

"""Makes the best of a document that the model refuses, so that the rules between its fields can be judged as well.

What comes out is never used for anything else.
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ws_deployment.config.faults import KeyPath
from ws_deployment.config.v1 import ConfigV1

#: Rounds after which a document is given up; each round mends one level of nesting.
_ROUNDS = 6
#: What is put in the place of a required value that is missing or wrong; `#` becomes letters of the item's index.
_PLACEHOLDERS: dict[str, Any] = {
    "environment": "staging",
    "project": "unknown",
    "id": "unknown",
    "metaClusters": [{"name": "unknown", "region": "unknown", "type": "unknown"}],
    "workspaceClusters": [{"prefix": "unknown", "region": "unknown", "type": "unknown", "governedBy": "unknown"}],
    "name": "unknown-#",
    "prefix": "unk#",
    "region": "unknown",
    "meta": "unknown-#",
    "step": "unknown-#",
    "ca": "unknown",
    "url": {"variable": "UNKNOWN"},
}


def salvage(
    model: type[ConfigV1], values: dict[str, Any], error: ValidationError
) -> tuple[ConfigV1 | None, set[KeyPath]]:
    """A config as near to `values` as the model allows, and the paths that were changed; None where that fails."""
    values = copy.deepcopy(values)
    touched: set[KeyPath] = set()
    for _ in range(_ROUNDS):
        touched |= _mend(values, error.errors(include_url=False, include_context=False))
        try:
            return model.model_validate(values), touched
        except ValidationError as again:
            error = again
    return None, touched


def _mend(values: dict[str, Any], errors: list[ErrorDetails]) -> set[KeyPath]:
    """Take away what is wrong and put in what is missing. The paths that were changed."""
    missing = {_resolved(values, one["loc"][:-1]) + one["loc"][-1:] for one in errors if one["type"] == "missing"}
    wrong = {_resolved(values, one["loc"]) for one in errors if one["type"] != "missing"}
    # A list whose items are faulty counts as too short; a union complains for each of its members.
    wrong = {path for path in wrong if not any(_is_below(other, path) for other in wrong | missing)}
    taken = {_without_index(path) for path in wrong} - {()}
    taken = {path for path in taken if not any(_is_below(path, other) for other in taken)}
    put = {path for path in missing if not any(_is_below(path, other) for other in taken)}
    for path in taken:
        _parent(values, path).pop(path[-1], None)
    for path in put:
        _put(values, path)
    return taken | put


def _without_index(path: KeyPath) -> KeyPath:
    """The path of the key that an item stands under: of a list the whole is taken, so that no index changes."""
    while path and not isinstance(path[-1], str):
        path = path[:-1]
    return path


def _resolved(values: Any, loc: KeyPath) -> KeyPath:
    """The part of `loc` that leads through `values`; tags of unions are passed over."""
    here: Any = values
    path: list[str | int] = []
    for key in loc:
        below = here if isinstance(here, dict) else dict(enumerate(here)) if isinstance(here, list) else {}
        if key in below:
            here = below[key]
            path.append(key)
    return tuple(path)


def _parent(values: Any, path: KeyPath) -> Any:
    for key in path[:-1]:
        values = values[key]
    return values


def _put(values: dict[str, Any], path: KeyPath) -> None:
    parent = _parent(values, path)
    if not isinstance(parent, dict):
        return
    value = copy.deepcopy(_PLACEHOLDERS.get(str(path[-1]), "unknown"))
    index = next((part for part in reversed(path) if isinstance(part, int)), 0)
    parent[path[-1]] = value.replace("#", _letters(index)) if isinstance(value, str) else value


def _is_below(path: KeyPath, other: KeyPath) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))

"""From pydantic's errors to located faults in the words of the config."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ws_deployment.config.faults import Fault, KeyPath
from ws_deployment.config.located import Located
from ws_deployment.config.model import PATTERNS, Shorthand
from ws_deployment.config.suggest import did_you_mean, nearest, quoted
from ws_deployment.config.tree import MappingNode, Node, ScalarNode, SequenceNode, descend, fault_at

#: What a value has to be, by pydantic's error type (https://docs.pydantic.dev/latest/errors/validation_errors/).
_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "mapping_type": "a mapping",
}
#: The same for limits, by error type: what is wrong, with the error's context put in.
_LIMITS = {
    "string_too_short": "is too short: it needs at least {min_length} characters",
    "string_too_long": "is too long: it may have {max_length} characters",
    "too_short": "is empty; it needs at least {min_length}",
    "too_long": "may hold {max_length} at most",
}
_LONGEST_SHOWN = 40


def faults_of(
    error: ValidationError, document: Located, prefix: KeyPath = (), model: type[BaseModel] | None = None
) -> list[Fault]:
    """Each error once, at its place in `document`.

    `prefix` is the path of what was validated, for a part such as a step's parameters: ("pipeline", 2, "with").
    `model` is what it was validated by; with it, unknown keys get a suggestion and missing ones their description.
    """
    located = [_Located.of(one, document, prefix, model) for one in error.errors(include_url=False)]
    return list(dict.fromkeys(one.fault(document) for one in _without_echoes(located)))


class _Located:
    """One error of pydantic with its path in the document."""

    def __init__(self, detail: ErrorDetails, path: KeyPath, node: Node | None, models: list[type[BaseModel]]) -> None:
        self.detail, self.path, self.node = detail, path, node
        self.models = models
        self.kind = _KINDS.get(detail["type"])
        if self.kind == "a mapping" and any(issubclass(model, Shorthand) for model in models):
            self.kind = "a text or a mapping"
        self.key = str(path[-1]) if path else ""

    @classmethod
    def of(cls, detail: ErrorDetails, document: Located, prefix: KeyPath, model: type[BaseModel] | None) -> _Located:
        loc = detail["loc"]
        absent = detail["type"] in {"missing", "extra_forbidden"}
        above, last = (loc[:-1], loc[-1:]) if absent else (loc, ())
        node, path = descend(document.root, (*prefix, *above))
        return cls(detail, (*path, *last), node, list(_models_at(model, above)) if model else [])

    @property
    def absent(self) -> bool:
        return self.detail["type"] == "missing"

    @property
    def unknown(self) -> bool:
        return self.detail["type"] == "extra_forbidden"

    @property
    def keys(self) -> list[str]:
        return [field.alias or name for model in self.models for name, field in model.model_fields.items()]

    def fault(self, document: Located) -> Fault:
        if self.absent:
            return self._missing()
        if self.unknown:
            owner = f" of `{_named(self.path[:-1])}`" if len(self.path) > 1 else ""
            # Of a union, another form may have the very key.
            others = [key for key in self.keys if key != self.key]
            remedy = did_you_mean(self.key, others, what="known keys") or "Remove it."
            return document.key_fault(self.path, f"`{self.key}` is no key{owner}", remedy)
        message, remedy = self._words()
        return document.fault(self.path, message, remedy)

    def _missing(self) -> Fault:
        field = next((f for m in self.models for n, f in m.model_fields.items() if (f.alias or n) == self.key), None)
        about = f" {field.description}" if field and field.description else ""
        owner = f" in `{_named(self.path[:-1])}`" if len(self.path) > 1 else ""
        node = self.node
        if isinstance(node, MappingNode) and node.entries:
            node = next(iter(node.entries.values())).key
        return fault_at(node, f"`{self.key}` is missing{owner}", f"Add `{self.key}: …`.{about}", path=self.path)

    def _words(self) -> tuple[str, str]:
        """What is wrong with the value, and the remedy."""
        name, node, kind = _named(self.path) or "the config", self.node, self.detail["type"]
        if isinstance(node, ScalarNode) and node.value is None and not node.text:
            return f"`{name}` has no value", f"Give one{f', {self.kind},' if self.kind else ''} or remove the key."
        if self.kind:
            return _wrong_kind(name, node, self.kind)
        if kind in {"literal_error", "enum"}:
            return _no_choice(name, node, str(self.detail.get("ctx", {}).get("expected", "")))
        return _refused(name, self.detail)


def _without_echoes(located: list[_Located]) -> Iterator[_Located]:
    """The errors without those that only follow from another.

    A union tells what is wrong for each of its members: where one member's complaint goes deeper than the kind of
    the value, that is the one meant. A missing key that stands there misspelt is not missing.
    """
    for one in located:
        others = [other for other in located if other is not one]
        if one.absent and _stands_misspelt(one, others):
            continue
        if one.detail["type"] in {"too_short", "too_long"} and any(_is_below(o.path, one.path) for o in others):
            continue  # items that are faulty themselves don't count for pydantic
        if one.kind:
            deeper = [o for o in others if o.path[: len(one.path)] == one.path and (not o.kind or o.path != one.path)]
            if deeper:
                continue
            same = [o for o in others if o.path == one.path and o.kind]
            one.kind = " or ".join(dict.fromkeys([one.kind, *(o.kind for o in same if o.kind)]))
            if any(located.index(o) < located.index(one) for o in same):
                continue
        yield one


def _is_below(path: KeyPath, other: KeyPath) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


def _stands_misspelt(missing: _Located, others: Iterable[_Located]) -> bool:
    siblings = [o for o in others if o.unknown and o.path[:-1] == missing.path[:-1]]
    return any(nearest(o.key, o.keys) == missing.key for o in siblings)


def _wrong_kind(name: str, node: Node | None, kind: str) -> tuple[str, str]:
    """A value of another kind than is asked for; often a word that YAML reads as something else than a text."""
    if not kind.startswith("a text") or not isinstance(node, ScalarNode) or isinstance(node.value, str):
        return f"`{name}` has to be {kind}, not {_given(node)}", ""
    read_as = "nothing" if node.value is None else f"{_given(node)} ({str(node.value).lower()})"
    return f"YAML reads `{node.text}` as {read_as}; `{name}` has to be {kind}", f'Quote it: "{node.text}".'


def _refused(name: str, detail: ErrorDetails) -> tuple[str, str]:
    """A value of the right kind that breaks a rule of its field."""
    context = {key: str(value) for key, value in detail.get("ctx", {}).items()}
    said = detail["msg"]
    if detail["type"] == "string_pattern_mismatch":
        why, remedy = PATTERNS.get(context["pattern"], (f"has to match `{context['pattern']}`", ""))
        return f"`{name}` {why}", remedy
    if detail["type"] in _LIMITS:
        return f"`{name}` {_LIMITS[detail['type']].format(**context)}", ""
    if said.startswith("Input should "):
        return f"`{name}` has to {said.removeprefix('Input should ')}", ""
    return f"`{name}`: {context.get('error', said[:1].lower() + said[1:])}", ""


def _given(node: Node | None) -> str:
    if isinstance(node, SequenceNode):
        return "a list"
    if isinstance(node, MappingNode):
        return "a mapping"
    value = node.value if isinstance(node, ScalarNode) else None
    if isinstance(value, bool):
        return "a truth value"
    return "a number" if isinstance(value, int | float) else "a text"


def _no_choice(name: str, node: Node | None, expected: str) -> tuple[str, str]:
    choices = [word.strip("' ") for part in expected.split(", ") for word in part.split(" or ")]
    given = node.text if isinstance(node, ScalarNode) else ""
    if not given or len(given) > _LONGEST_SHOWN:
        return f"`{name}` has to be one of {quoted(choices)}", ""
    near = nearest(given, choices)
    near = near or next((choice for choice in choices if len(given) > 2 and choice.startswith(given)), None)  # noqa: PLR2004  shorter beginnings say too little
    message = f"`{name}` can't be `{given}`"
    return message, f"Did you mean `{near}`?" if near else f"It is one of {quoted(choices)}."


def _named(path: KeyPath) -> str:
    """`workspaceClusters[0].governedBy`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _models_at(model: type[BaseModel], loc: Iterable[str | int]) -> Iterator[type[BaseModel]]:
    """The models that may stand at `loc` below `model`; union tags in `loc` are passed over."""
    here: list[Any] = [model]
    for key in loc:
        below = [found for one in here for found in _below(one, key)]
        here = [each for found in below for each in _members(found)] or here
    for one in here:
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one


def _below(annotation: Any, key: str | int) -> Iterator[Any]:
    if isinstance(annotation, type) and not get_origin(annotation) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if key in (name, field.alias):
                yield field.annotation
    elif isinstance(get_origin(annotation), type):
        arguments = get_args(annotation)
        if issubclass(get_origin(annotation), dict) and isinstance(key, str):
            yield arguments[-1]
        elif issubclass(get_origin(annotation), (list, tuple, set, frozenset)) and isinstance(key, int):
            yield arguments[0]


def _members(annotation: Any) -> Iterator[Any]:
    """The members of a union, each without what only annotates it."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation

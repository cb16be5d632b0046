"""The shape of a kind of object: which lists have keys, which mappings are one value, what a text is.

The API server's own schemas say it (OpenAPI v3), and releases may add keys that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ws_deployment.releases.paths import FieldPath, Item
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.values import Scalar

Schema = Mapping[str, Any]

#: The end of the name of the schema of quantities.
_QUANTITY = "Quantity"


class IShape(Protocol):
    """What is asked of a shape. Paths are those of fields of the object."""

    def list_keys(self, path: FieldPath) -> tuple[str, ...]:
        """The fields that tell the items of the list at `path` apart; none where the list is one value."""
        ...

    def is_one_value(self, path: FieldPath) -> bool:
        """Whether the mapping at `path` is only ever written as a whole."""
        ...

    def is_set(self, path: FieldPath) -> bool:
        """Whether the list at `path` is a set, to which several managers add items of their own."""
        ...

    def scalar(self, path: FieldPath) -> Scalar:
        """What the value at `path` is, where it is neither mapping nor list."""
        ...


class NoShape:
    """Nothing is known: lists are single values, mappings are not."""

    def list_keys(self, path: FieldPath) -> tuple[str, ...]:  # noqa: ARG002  the protocol's signature
        """None."""
        return ()

    def is_one_value(self, path: FieldPath) -> bool:  # noqa: ARG002  likewise
        """Never."""
        return False

    def is_set(self, path: FieldPath) -> bool:  # noqa: ARG002  likewise
        """Never."""
        return False

    def scalar(self, path: FieldPath) -> Scalar:  # noqa: ARG002  likewise
        """Nobody says."""
        return Scalar.UNKNOWN


class ListedShape:
    """Another shape with the keys of some lists added, by pattern of their paths."""

    def __init__(self, below: IShape, lists: Iterable[tuple[Pattern, tuple[str, ...]]]) -> None:
        self._below, self._lists = below, tuple(lists)

    def list_keys(self, path: FieldPath) -> tuple[str, ...]:
        """The added keys, else what is said below."""
        for pattern, keys in self._lists:
            if len(pattern.parts) == len(path) and pattern.covers(path):
                return keys
        return self._below.list_keys(path)

    def is_one_value(self, path: FieldPath) -> bool:
        """As is said below."""
        return self._below.is_one_value(path)

    def is_set(self, path: FieldPath) -> bool:
        """As is said below."""
        return self._below.is_set(path)

    def scalar(self, path: FieldPath) -> Scalar:
        """As is said below."""
        return self._below.scalar(path)


class SchemaShape:
    """What the OpenAPI v3 schema of a kind says (https://kubernetes.io/docs/reference/using-api/server-side-apply/).

    `components` are the schemas that references lead to, by name.
    """

    def __init__(self, schema: Schema, components: Mapping[str, Schema]) -> None:
        self._root, self._components = schema, components
        self._known: dict[FieldPath, Schema | None] = {}

    def list_keys(self, path: FieldPath) -> tuple[str, ...]:
        """`x-kubernetes-list-map-keys` of a list of type `map`."""
        schema = self._at(path)
        if schema and schema.get("x-kubernetes-list-type") == "map":
            return tuple(schema.get("x-kubernetes-list-map-keys", ()))
        return ()

    def is_one_value(self, path: FieldPath) -> bool:
        """`x-kubernetes-map-type: atomic`."""
        schema = self._at(path)
        return bool(schema and schema.get("x-kubernetes-map-type") == "atomic")

    def is_set(self, path: FieldPath) -> bool:
        """`x-kubernetes-list-type: set`."""
        schema = self._at(path)
        return bool(schema and schema.get("x-kubernetes-list-type") == "set")

    def scalar(self, path: FieldPath) -> Scalar:
        """By type, and by what Kubernetes says of quantities."""
        schema = self._at(path)
        if not schema or schema.get("x-kubernetes-preserve-unknown-fields"):
            return Scalar.UNKNOWN
        if schema.get("x-kubernetes-int-or-string") or schema.get("format") in {"int-or-string", _QUANTITY}:
            return Scalar.QUANTITY
        return {"string": Scalar.TEXT, None: Scalar.UNKNOWN}.get(schema.get("type"), Scalar.OTHER)

    def _at(self, path: FieldPath) -> Schema | None:
        if not path:
            return self._root
        # All items of a list have one schema: paths are remembered without their items' keys.
        key: FieldPath = tuple(Item(()) if isinstance(part, Item) else part for part in path)
        if key not in self._known:
            self._known[key] = self._below(self._at(key[:-1]), key[-1])
        return self._known[key]

    def _below(self, schema: Schema | None, part: str | Item) -> Schema | None:
        if schema is None:
            return None
        if isinstance(part, Item):
            return self._resolved(schema.get("items"))
        properties = schema.get("properties") or {}
        return self._resolved(properties[part] if part in properties else schema.get("additionalProperties"))

    def _resolved(self, schema: Any) -> Schema | None:
        """The schema that a reference, or the one member of an `allOf`, leads to."""
        if not isinstance(schema, Mapping):
            return None
        reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("allOf", ()) if "$ref" in one), None)
        if not reference:
            return schema
        name = reference.rpartition("/")[2]
        if name.endswith(f".{_QUANTITY}"):
            return {"format": _QUANTITY}
        found = self._components.get(name)
        # What is said beside the reference holds for this field alone.
        beside = {key: value for key, value in schema.items() if key.startswith("x-kubernetes-")}
        return {**found, **beside} if found is not None else None

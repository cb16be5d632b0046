"""What a YAML tree says, as the JSON values that Kubernetes would get."""

from __future__ import annotations

from typing import Any

from ws_deployment.config.scalars import UnknownTagError, resolve
from ws_deployment.releases.repository.tree import Alias, Entry, Mapping, Node, Scalar, Sequence, UneditableError

MERGE = "<<"
_STANDARD = "tag:yaml.org,2002:"
#: Most values of one tree, aliases expanded: a bound for hostile files.
_LARGEST = 1_000_000


def value_of(node: Node) -> Any:
    """The JSON value of a tree. Raises UneditableError for unknown tags and for keys that are no text, or twice.

    `<<` takes over the keys of other mappings, as Kubernetes' tools read it.
    """
    return _Reader().value(node)


def own_entries(node: Mapping) -> dict[str, Entry]:
    """The entries that stand in the mapping itself, by key; what `<<` takes over is not among them."""
    return {key_of(entry): entry for entry in node.entries if not is_merge(entry)}


def taken_over(node: Mapping) -> dict[str, Any]:
    """What `<<` takes over from other mappings, whether the mapping's own entries hide it or not."""
    return _Reader().merged(node)


def is_merge(entry: Entry) -> bool:
    """Whether an entry is `<<`."""
    key = entry.key
    return isinstance(key, Scalar) and key.text == MERGE and not key.style


def key_of(entry: Entry) -> str:
    """An entry's key. Raises UneditableError for one that is no single text."""
    if not isinstance(entry.key, Scalar):
        raise UneditableError(entry.key.line, "a key is not a single text")
    return entry.key.text


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: unlike Python's `==`, true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


class _Reader:
    def __init__(self) -> None:
        self._left = _LARGEST

    def value(self, node: Node) -> Any:
        self._left -= 1
        if self._left < 0:
            raise UneditableError(node.line, "its aliases make it too large")
        if isinstance(node, Alias):
            return self.value(node.target)
        if isinstance(node, Mapping):
            return self._mapping(node)
        if isinstance(node, Sequence):
            self._standard(node, "seq")
            return [self.value(item) for item in node.items]
        assert isinstance(node, Scalar)  # noqa: S101  there is no fifth kind
        try:
            return resolve(node.text, quoted=bool(node.style), tag=node.tag)
        except UnknownTagError as error:
            raise UneditableError(node.line, f"the tag {error} means nothing to Kubernetes") from error
        except ValueError as error:
            raise UneditableError(node.line, str(error)) from error

    def merged(self, node: Mapping) -> dict[str, Any]:
        """What `<<` takes over: of several mappings the first that has a key."""
        found: dict[str, Any] = {}
        for entry in filter(is_merge, node.entries):
            value = self.value(entry.value)
            for each in value if isinstance(value, list) else [value]:
                if not isinstance(each, dict):
                    raise UneditableError(entry.key.line, "`<<` takes over what is no mapping")
                found = {**each, **found}
        return found

    def _mapping(self, node: Mapping) -> dict[str, Any]:
        self._standard(node, "map")
        own: dict[str, Any] = {}
        for entry in node.entries:
            if is_merge(entry):
                continue
            key = key_of(entry)
            if key in own:
                raise UneditableError(entry.key.line, f"the key {key} is there twice")
            own[key] = self.value(entry.value)
        merged = self.merged(node)
        return {**merged, **own} if merged else own

    def _standard(self, node: Node, kind: str) -> None:
        if node.tag not in {None, "", "!", f"{_STANDARD}{kind}"}:
            raise UneditableError(node.line, f"the tag {node.tag} means nothing to Kubernetes")

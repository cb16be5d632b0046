"""What a saved Terraform plan would change, read from `terraform show -json`, with nothing secret in it.

The format: https://developer.hashicorp.com/terraform/internals/json-format. Making plans is not done here.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Action = Literal["create", "update", "replace", "delete", "read", "forget"]

_MASK = "(sensitive)"
_UNKNOWN = "(known after apply)"
_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "read": "<", "forget": "."}


@dataclass(frozen=True)
class AttributeChange:
    """One leaf of a resource that changes: its path (`node_config.0.disk_size_gb`) and JSON texts, masked."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class ResourceChange:
    """One resource that would be touched."""

    address: str
    action: Action
    attributes: tuple[AttributeChange, ...] = ()

    def __str__(self) -> str:
        return f"{_SIGNS[self.action]} {self.address}"


@dataclass(frozen=True)
class PlanSummary:
    """What a saved plan would do. Holds no sensitive value, so that it may be shown, logged and journaled."""

    changes: tuple[ResourceChange, ...]
    outputs: tuple[str, ...]
    #: The program that made it, as `terraform 1.11.4`.
    made_by: str

    @property
    def empty(self) -> bool:
        """Whether applying it would change nothing."""
        return not self.changes and not self.outputs

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PlanSummary:
        """The summary that `as_json` gave."""
        changes = (
            ResourceChange(
                each["address"], each["action"], tuple(AttributeChange(**leaf) for leaf in each["attributes"])
            )
            for each in data["changes"]
        )
        return cls(tuple(changes), tuple(data["outputs"]), data["made_by"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what would change: equal for two plans that would do the same."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def addresses(self, action: Action) -> tuple[str, ...]:
        """Addresses of the resources that `action` would be done to."""
        return tuple(change.address for change in self.changes if change.action == action)

    def __str__(self) -> str:
        if not self.changes:
            return "no resource changes"
        counted = Counter(change.action for change in self.changes)
        return ", ".join(f"{number} to {action}" for action, number in counted.items())

    def diff(self) -> str:
        """The plan as people read it: a line a resource, a line a changed attribute below it."""
        lines: list[str] = []
        for change in self.changes:
            lines.append(str(change))
            for leaf in change.attributes:
                before = "" if change.action == "create" else f"{leaf.before} → "
                lines.append(f"    {leaf.path}: {before}{leaf.after}")
        return "\n".join(lines)


def read_plan(shown: Mapping[str, Any], made_by: str) -> PlanSummary:
    """The summary of a plan as `terraform show -json` prints it (`shown`, decoded)."""
    changes = [
        ResourceChange(resource["address"], action, tuple(_attributes(resource["change"])))
        for resource in shown.get("resource_changes", ())
        if (action := _action(resource["change"]["actions"]))
    ]
    outputs = [
        name for name, change in shown.get("output_changes", {}).items() if tuple(change["actions"]) != ("no-op",)
    ]
    return PlanSummary(tuple(changes), tuple(sorted(outputs)), made_by)


def _action(actions: Sequence[str]) -> Action | None:
    match sorted(actions):
        case ["create", "delete"]:
            return "replace"
        case ["create" | "update" | "delete" | "read" | "forget" as action]:
            return action
        case _:
            return None


def _attributes(change: Mapping[str, Any]) -> Iterator[AttributeChange]:
    before = dict(_leaves(change.get("before"), change.get("before_sensitive"), None))
    after = dict(_leaves(change.get("after"), change.get("after_sensitive"), change.get("after_unknown")))
    # Texts of two secrets are equal masks: whether a secret changes is told by the values, which stay here.
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, _Leaf()), after.get(path, _Leaf())
        if old != new:
            yield AttributeChange(path, old.text(), new.text())


@dataclass(frozen=True)
class _Leaf:
    value: str = "null"
    sensitive: bool = False
    unknown: bool = False

    def text(self) -> str:
        if self.sensitive:
            return _MASK
        return _UNKNOWN if self.unknown else self.value


def _leaves(value: Any, sensitive: Any, unknown: Any, path: str = "") -> Iterator[tuple[str, _Leaf]]:
    """Paths and leaves of `value`; `sensitive` and `unknown` mirror its shape, or are true for a whole branch."""
    if sensitive is True or unknown is True:
        yield path, _Leaf(json.dumps(value, sort_keys=True), sensitive is True, unknown is True)
    elif isinstance(value, Mapping) or isinstance(unknown, Mapping):
        inner = value if isinstance(value, Mapping) else {}
        for key in sorted(inner.keys() | _keys(unknown)):
            yield from _leaves(inner.get(key), _below(sensitive, key), _below(unknown, key), _join(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, _below(sensitive, index), _below(unknown, index), _join(path, index))
    elif value is not None:
        yield path, _Leaf(json.dumps(value))


def _keys(mask: Any) -> set[str]:
    return set(mask) if isinstance(mask, Mapping) else set()


def _below(mask: Any, key: str | int) -> Any:
    if isinstance(mask, Mapping):
        return mask.get(str(key))
    if isinstance(mask, list) and isinstance(key, int) and key < len(mask):
        return mask[key]
    return None


def _join(path: str, key: str | int) -> str:
    return f"{path}.{key}" if path else str(key)

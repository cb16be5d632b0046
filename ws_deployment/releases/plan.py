"""What an upgrade would do to one cluster: the plan that is shown, kept, reviewed, applied, committed or scheduled.

Data alone. Making plans is planning.py's work, carrying them out that of applying.py and of the rooms beside it.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ws_deployment.releases.paths import ABSENT, FieldPath, path_as_json, path_from_json, text_of, with_value

#: Version of the document; it rises when a reader of the former one would misread it.
FORMAT = 1


class Action(enum.StrEnum):
    """What becomes of an object."""

    CHANGE = "change"
    CREATE = "create"
    DELETE = "delete"
    #: Nothing: it is in the plan for what is kept or asked.
    NONE = "none"


class Rule(enum.StrEnum):
    """Which rule made a line of the diff."""

    EMPTY = "empty"  #: the field was empty and the release has a default for it
    OVERWRITE = "overwrite"  #: the mutable-fields definition says so, or the answer to its question does
    REMOVED = "removed"  #: the release has no default any more, nobody had changed it, and the definition says so
    RENAMED = "renamed"  #: the release has the field under another name
    RELEASE = "release"  #: the mark of the release that the cluster is of
    SERVER = "server"  #: the API server's admission changes it; it is not sent
    STRUCTURE = "structure"  #: the object itself: the release's structure has it, or has it no more


class Kept(enum.StrEnum):
    """Why a field keeps a value that is not the release's."""

    POPULATED = "populated"  #: no entry of the definition is about it
    KEEP = "keep"  #: an entry says so, or the answer to its question does
    ASK = "ask"  #: an entry asks, and nobody has answered: nothing is applied before
    FORBID = "forbid"  #: an entry forbids the change that the release would need: the plan is refused


@dataclass(frozen=True)
class FieldChange:
    """One line of the diff. `before` and `after` are ABSENT where the field is not there.

    `entry` is the place and pattern of the definition's entry that decided (`mutable-fields.yaml:7:5 spec.version`),
    `reason` its words. `changed_by_hand`: the value was not the present release's. `held_by` are the field managers
    that own it now. Where `rule` is SERVER, the change follows by itself and is not to be written; `before` is then
    what the lines before it have made of the field.
    """

    path: FieldPath
    before: Any
    after: Any
    rule: Rule
    reason: str = ""
    entry: str = ""
    changed_by_hand: bool = False
    disruptive: bool = False
    irreversible: bool = False
    held_by: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """JSON values; `before` or `after` is left out where the field is not there."""
        return {
            "path": path_as_json(self.path),
            "field": text_of(self.path),
            **_present(before=self.before, after=self.after),
            "rule": self.rule,
            "reason": self.reason,
            "entry": self.entry,
            "changedByHand": self.changed_by_hand,
            "disruptive": self.disruptive,
            "irreversible": self.irreversible,
            "heldBy": list(self.held_by),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FieldChange:
        """The change that `as_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            path_from_json(data["path"]),
            data.get("before", ABSENT),
            data.get("after", ABSENT),
            Rule(data["rule"]),
            data["reason"],
            data["entry"],
            data["changedByHand"],
            data["disruptive"],
            data["irreversible"],
            tuple(data["heldBy"]),
        )


@dataclass(frozen=True)
class KeptField:
    """A field that stays as it is (`value`) although the release has another value (`wanted`) for it."""

    path: FieldPath
    value: Any
    wanted: Any
    why: Kept
    reason: str = ""
    entry: str = ""
    changed_by_hand: bool = False

    def as_json(self) -> dict[str, Any]:
        """JSON values; `value` or `wanted` is left out where the field is not there."""
        return {
            "path": path_as_json(self.path),
            "field": text_of(self.path),
            **_present(value=self.value, wanted=self.wanted),
            "why": self.why,
            "reason": self.reason,
            "entry": self.entry,
            "changedByHand": self.changed_by_hand,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KeptField:
        """What `as_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            path_from_json(data["path"]),
            data.get("value", ABSENT),
            data.get("wanted", ABSENT),
            Kept(data["why"]),
            data["reason"],
            data["entry"],
            data["changedByHand"],
        )


@dataclass(frozen=True)
class ObjectPlan:
    """What becomes of one object.

    `live` is the object as it was planned upon, `result` as the API server's dry run says that it will be; both
    without what server and controllers own (status, managedFields …). `live` is None for one that is created,
    `result` for one that is deleted. `resource_version` and `uid` are the live object's, empty for a new one.
    `owner` names who writes it from elsewhere (`Flux Kustomization flux-system/apps`): it is not applied directly then.
    `replaces` names the object whose place a created one takes. `rule` and `reason` are about the object as a whole.
    `together`: all changes are written in one JSON Patch, because the API would refuse what lies half-way.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    action: Action
    resource_version: str = ""
    uid: str = ""
    changes: tuple[FieldChange, ...] = ()
    kept: tuple[KeptField, ...] = ()
    rule: Rule | None = None
    reason: str = ""
    entry: str = ""
    replaces: str = ""
    owner: str = ""
    object_disruptive: bool = False
    object_irreversible: bool = False
    together: bool = False
    live: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """`KubeadmControlPlane clusters/alpha-control-plane`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def disruptive(self) -> bool:
        """Whether anything about it recreates nodes."""
        return self.object_disruptive or any(change.disruptive for change in self.changes)

    @property
    def irreversible(self) -> bool:
        """Whether anything about it can't be taken back."""
        return self.object_irreversible or any(change.irreversible for change in self.changes)

    @property
    def document(self) -> dict[str, Any]:
        """What is sent to create the object: its result without what the API server makes of it by itself."""
        found: Any = dict(self.result or {})
        for change in self.changes:
            if change.rule is Rule.SERVER:
                found = with_value(found, change.path, change.before)
        return dict(found)

    @property
    def written(self) -> tuple[FieldChange, ...]:
        """The changes that are written; the others follow from them at the API server."""
        return tuple(change for change in self.changes if change.rule is not Rule.SERVER)

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "action": self.action,
            "resourceVersion": self.resource_version,
            "uid": self.uid,
            "changes": [change.as_json() for change in self.changes],
            "kept": [kept.as_json() for kept in self.kept],
            "rule": self.rule,
            "reason": self.reason,
            "entry": self.entry,
            "replaces": self.replaces,
            "owner": self.owner,
            "objectDisruptive": self.object_disruptive,
            "objectIrreversible": self.object_irreversible,
            "together": self.together,
            "live": self.live,
            "result": self.result,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ObjectPlan:
        """The object that `as_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            api_version=data["apiVersion"],
            kind=data["kind"],
            namespace=data["namespace"],
            name=data["name"],
            action=Action(data["action"]),
            resource_version=data["resourceVersion"],
            uid=data["uid"],
            changes=tuple(map(FieldChange.from_json, data["changes"])),
            kept=tuple(map(KeptField.from_json, data["kept"])),
            rule=Rule(data["rule"]) if data["rule"] else None,
            reason=data["reason"],
            entry=data["entry"],
            replaces=data["replaces"],
            owner=data["owner"],
            object_disruptive=data["objectDisruptive"],
            object_irreversible=data["objectIrreversible"],
            together=data["together"],
            live=data["live"],
            result=data["result"],
        )


@dataclass(frozen=True)
class Problem:
    """Why the plan can't be applied: in what it lies (an object, a field, or empty), why, and what to do."""

    on: str
    why: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """JSON values."""
        return {"on": self.on, "why": self.why, "remedy": self.remedy}


@dataclass(frozen=True)
class UpgradePlan:
    """What it takes to bring one cluster from its release to another.

    `cluster` is the name of its Cluster object in `namespace`, `management` the uid of the management cluster's
    kube-system namespace: elsewhere the plan is not applied. Versions are as the releases write them; equal ones mean
    that the cluster is brought to fit the release that it is of. Objects are in the order in which they are written.
    `asked` (JSON values) says how it was asked for, for whoever makes it anew; it is no part of the fingerprint.
    """

    cluster: str
    namespace: str
    from_version: str
    to_version: str
    objects: tuple[ObjectPlan, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    management: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(one.action is Action.NONE for one in self.objects)

    @property
    def disruptive(self) -> bool:
        """Whether it recreates nodes."""
        return any(one.disruptive for one in self.objects)

    @property
    def irreversible(self) -> bool:
        """Whether any of it can't be taken back."""
        return any(one.irreversible for one in self.objects)

    @property
    def questions(self) -> tuple[tuple[ObjectPlan, KeptField], ...]:
        """The fields about which somebody has to decide first."""
        return tuple((one, kept) for one in self.objects for kept in one.kept if kept.why is Kept.ASK)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what would be done: equal for two plans that do the same, whenever they were made."""
        lines = [self.namespace, self.cluster, self.from_version, self.to_version, *self._lines()]
        return hashlib.sha256(json.dumps(lines, sort_keys=True).encode()).hexdigest()

    def _lines(self) -> Iterator[Any]:
        for one in self.objects:
            yield [one.api_version, one.kind, one.namespace, one.name, one.action, one.replaces]
            if one.action is Action.CREATE:
                yield one.result
            for change in one.changes:
                yield [path_as_json(change.path), _present(before=change.before, after=change.after), change.rule]
            yield from ([path_as_json(kept.path), kept.why] for kept in one.kept if kept.why is Kept.ASK)
        yield [problem.as_json() for problem in self.problems]

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them."""
        return {
            "v": FORMAT,
            "cluster": self.cluster,
            "namespace": self.namespace,
            "from": self.from_version,
            "to": self.to_version,
            "fingerprint": self.fingerprint,
            "disruptive": self.disruptive,
            "irreversible": self.irreversible,
            "objects": [one.as_json() for one in self.objects],
            "problems": [problem.as_json() for problem in self.problems],
            "notes": list(self.notes),
            "management": self.management,
            "asked": dict(self.asked),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UpgradePlan:
        """The plan that `as_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        if data["v"] != FORMAT:
            msg = f"it is of format {data['v']}, and this program reads format {FORMAT}"
            raise ValueError(msg)
        plan = cls(
            cluster=data["cluster"],
            namespace=data["namespace"],
            from_version=data["from"],
            to_version=data["to"],
            objects=tuple(map(ObjectPlan.from_json, data["objects"])),
            problems=tuple(Problem(**each) for each in data["problems"]),
            notes=tuple(data["notes"]),
            management=data["management"],
            asked=data["asked"],
        )
        if plan.fingerprint != data["fingerprint"]:
            msg = "it was changed after it was made"
            raise ValueError(msg)
        return plan


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not ABSENT}

"""What becomes of each object of a cluster by the rules alone, before the API server is asked about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ws_deployment.releases import cluster_api
from ws_deployment.releases.definition import Definition
from ws_deployment.releases.owned import cleaned
from ws_deployment.releases.paths import ABSENT, value_at, with_value
from ws_deployment.releases.plan import Action, FieldChange, Rule
from ws_deployment.releases.release import Release, Resource, group_of
from ws_deployment.releases.shape import IShape, ListedShape
from ws_deployment.releases.three_way import Outcome, Sides, compare

Object = Mapping[str, Any]
#: The shape of the objects of an apiVersion and kind.
Shapes = Callable[[str, str], IShape]


@dataclass(frozen=True)
class ClusterObjects:
    """A cluster and its objects, as the API server has them."""

    name: str
    namespace: str
    objects: tuple[Object, ...]

    @property
    def cluster(self) -> Object:
        """The Cluster object. Raises LookupError where there is none."""
        found = [one for one in self.objects if _is_cluster(one) and one["metadata"]["name"] == self.name]
        return found[0]

    def find(self, group: str, kind: str, name: str) -> Object | None:
        """One of its objects; None where there is none."""
        return next((one for one in self.of(group, kind) if one["metadata"]["name"] == name), None)

    def of(self, group: str, kind: str) -> Iterator[Object]:
        """Its objects of a kind."""
        return (one for one in self.objects if one["kind"] == kind and group_of(one["apiVersion"]) == group)


@dataclass(frozen=True)
class Draft:
    """What becomes of one object.

    `live` is as the API server has it, None for a new one; `body` as it is to be, whole, None for one that is
    deleted. `rule`, `reason` and `entry` are about the object as a whole.
    """

    resource: Resource
    name: str
    action: Action
    live: Object | None
    body: dict[str, Any] | None
    outcome: Outcome
    shape: IShape
    rule: Rule | None = None
    reason: str = ""
    entry: str = ""
    replaces: str = ""
    disruptive: bool = False
    irreversible: bool = False
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Upgrade:
    """From which release a cluster goes to which, under which definition; `label` bears the release's version."""

    present: Release
    next: Release
    definition: Definition
    label: str


def drafts(cluster: ClusterObjects, upgrade: Upgrade, shapes: Shapes) -> list[Draft]:
    """What becomes of each object, in the order in which it is written.

    New objects come first, because others refer to them; the Cluster comes last of those that change, because it
    bears the release's version; what is deleted comes after all.
    """
    every = list(_Drafting(cluster, upgrade, shapes).all())
    order = {Action.CREATE: 0, Action.CHANGE: 1, Action.NONE: 1, Action.DELETE: 3}
    return sorted(every, key=lambda one: (order[one.action], _is_cluster(one.resource.body)))


class _Drafting:
    def __init__(self, cluster: ClusterObjects, upgrade: Upgrade, shapes: Shapes) -> None:
        self._cluster, self._upgrade, self._shapes = cluster, upgrade, shapes
        self._present, self._next = upgrade.present, upgrade.next

    def all(self) -> Iterator[Draft]:
        named = {
            (one.group, one.kind, one.object_name(self._values(release)))
            for release in (self._present, self._next)
            for one in release.resources
            if not one.each
        }
        for resource in self._next.resources:
            before = self._present.resource(resource.name)
            if not resource.each:
                yield from self._once(resource, before if before and not before.each else None)
                continue
            for live in self._cluster.of(resource.group, resource.kind):
                name = live["metadata"]["name"]
                if (resource.group, resource.kind, name) not in named and _has(live, resource.match_labels):
                    yield self._changed(resource, before, live, name)
        for resource in self._present.resources:
            if not resource.each and self._next.resource(resource.name) is None:
                yield from self._gone(resource, resource.object_name(self._values(self._present)), "")

    def _values(self, release: Release, name: str = "") -> dict[str, str]:
        return release.values(self._cluster.name, self._cluster.namespace, name)

    def _once(self, resource: Resource, before: Resource | None) -> Iterator[Draft]:
        name = resource.object_name(self._values(self._next))
        live = self._cluster.find(resource.group, resource.kind, name)
        former = before.object_name(self._values(self._present)) if before else name
        if live is not None:
            yield self._changed(resource, before, live, name)
        else:
            old = self._cluster.find(before.group, before.kind, former) if before else None
            yield self._created(resource, before, old, name)
        if before and former != name:
            yield from self._gone(before, former, name)

    def _changed(self, resource: Resource, before: Resource | None, live: Object, name: str) -> Draft:
        shape = self._shape(resource, before)
        outcome = self._compare(resource, before, _content(live), name, shape)
        if _is_cluster(live) and name == self._cluster.name:
            outcome = self._marked(outcome)
        action = Action.CHANGE if outcome.changes else Action.NONE
        return Draft(resource, name, action, live, _whole(live, outcome.result), outcome, shape)

    def _created(self, resource: Resource, before: Resource | None, old: Object | None, name: str) -> Draft:
        """A new object: in the place of the one that it replaces, with what users have set there, or from nothing."""
        shape = self._shape(resource, before)
        if old is None:
            wanted = resource.filled(self._values(self._next, name))
            outcome = Outcome((), (), wanted)
            reason = "the release has it, the present one has not"
            if before:
                reason = "the release has it; it is missing, although the present release has it too"
        else:
            outcome = self._compare(resource, before, _content(old), name, shape)
            reason = f"the release has it in the place of {old['metadata']['name']}"
        identity = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": self._cluster.namespace},
        }
        return Draft(
            resource,
            name,
            Action.CREATE,
            None,
            _whole(identity, outcome.result),
            outcome,
            shape,
            rule=Rule.STRUCTURE,
            reason=reason,
            replaces=old["metadata"]["name"] if old else "",
        )

    def _gone(self, resource: Resource, name: str, successor: str) -> Iterator[Draft]:
        """The object that the next release has no more, or under the name of its successor."""
        live = self._cluster.find(resource.group, resource.kind, name)
        if live is None:
            return
        entry = self._upgrade.definition.object_entry(resource.name)
        why = f"the release has {successor} in its place" if successor else "the release has it no more"
        delete = entry is not None and entry.delete
        yield Draft(
            resource,
            name,
            Action.DELETE if delete else Action.NONE,
            live,
            None if delete else _whole(live, _content(live)),
            Outcome((), (), {}),
            self._shape(resource, None),
            rule=Rule.STRUCTURE,
            reason=f"{why}: {entry.reason}" if entry else why,
            entry=entry.place if entry else "",
            disruptive=delete and entry.disruptive if entry else False,
            irreversible=delete and entry.irreversible if entry else False,
            notes=() if delete else (f"{resource.kind} {name} is kept, although {why}.",),
        )

    def _compare(
        self, resource: Resource, before: Resource | None, live: dict[str, Any], name: str, shape: IShape
    ) -> Outcome:
        base = before.filled(self._values(self._present, name)) if before else {}
        wanted = resource.filled(self._values(self._next, name))
        return compare(resource.kind, Sides(live, base, wanted), self._upgrade.definition, shape)

    def _shape(self, resource: Resource, before: Resource | None) -> IShape:
        lists = (*resource.lists, *(before.lists if before else ()))
        return ListedShape(self._shapes(resource.api_version, resource.kind), lists)

    def _marked(self, outcome: Outcome) -> Outcome:
        """The outcome with the mark of the release on the Cluster."""
        path = ("metadata", "labels", self._upgrade.label)
        here, wanted = value_at(outcome.result, path), self._next.version.text
        if here == wanted:
            return outcome
        change = FieldChange(path, here, wanted, Rule.RELEASE, "the mark of the release that the cluster is of")
        others = tuple(one for one in outcome.changes if one.path != path)
        return replace(outcome, changes=(*others, change), result=with_value(outcome.result, path, wanted))


def _content(live: Object) -> dict[str, Any]:
    """An object without its identity and without what is not to be compared."""
    found = cleaned(live)
    metadata = {key: value for key, value in found["metadata"].items() if key in {"labels", "annotations"} and value}
    rest = {key: value for key, value in found.items() if key not in {"apiVersion", "kind", "metadata"}}
    return {**({"metadata": metadata} if metadata else {}), **rest}


def _whole(identity: Object, content: Mapping[str, Any]) -> dict[str, Any]:
    """An object of an identity and a content."""
    named = {key: identity["metadata"][key] for key in ("name", "namespace") if key in identity["metadata"]}
    metadata = {**named, **content.get("metadata", {})}
    rest = {key: value for key, value in content.items() if key != "metadata"}
    return {"apiVersion": identity["apiVersion"], "kind": identity["kind"], "metadata": metadata, **rest}


def _has(live: Object, labels: Mapping[str, str]) -> bool:
    own = live["metadata"].get("labels") or {}
    return all(own.get(key, ABSENT) == value for key, value in labels.items())


def _is_cluster(one: Mapping[str, Any]) -> bool:
    return one["kind"] == cluster_api.CLUSTER and group_of(one["apiVersion"]) == cluster_api.GROUP

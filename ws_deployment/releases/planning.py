"""Plans upgrades: the rules' drafts, put before the API server as dry runs, so that its admission speaks beforehand.

Nothing is stored anywhere. Each new state is created on trial under a name that nobody has, and each change is applied
on trial to the live object, so that admission for updates and immutable fields have their say too.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ws_deployment.clients.kube_errors import KubeError
from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.releases import cluster_api, gitops
from ws_deployment.releases.definition import Definition, Entry
from ws_deployment.releases.drafts import ClusterObjects, Draft, Upgrade, drafts
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.owned import cleaned, held_by
from ws_deployment.releases.paths import ABSENT, FieldPath, text_of, value_at, with_value
from ws_deployment.releases.plan import Action, FieldChange, Kept, ObjectPlan, Problem, Rule, UpgradePlan
from ws_deployment.releases.release import Release
from ws_deployment.releases.three_way import lines_between
from ws_deployment.releases.values import same
from ws_deployment.releases.versions import Version
from ws_deployment.releases.writing import MANAGER, may_apply, write

#: Clusters that are planned at the same time.
_WORKERS = 4
_LABEL_ALONE = (
    "Only the release's mark changes. That alone triggers nothing: no controller acts on it. Where a field should "
    "follow the release, give it an `overwrite` entry in the mutable-fields definition, then plan again."
)
_LABEL_FIRST = (
    "The cluster bears the mark of {0} already, but not all of its fields fit that release: a changed mark alone "
    "triggers nothing. A plan to {0} brings the fields. Which ones a person had changed is judged by the defaults of "
    "that release; if the cluster comes from another one, name that by --from."
)


@dataclass(frozen=True)
class Wishes:
    """How upgrades are to be planned: a definition laid over the releases' own, and answers to what they ask."""

    definition: Definition = field(default_factory=Definition)
    answers: tuple[Entry, ...] = ()


def plan_upgrade(
    management: Management, name: str, namespace: str, to: str, *, present: str = "", wishes: Wishes | None = None
) -> UpgradePlan:
    """What it takes to bring a cluster to the release `to`, which may be its own: then, to make it fit again.

    `present` is its release where it is not the one that it bears the mark of. What stands in the way is in the plan's
    `problems`. Raises UsageError for a cluster or release that there is not, KubeError where the API can't be asked.
    """
    cluster = management.cluster(name, namespace)
    target = management.catalogue.get(to)
    here = present_release(management, cluster, present)
    (read,) = management.with_objects([cluster], [target, here])
    return _Planning(management, wishes or Wishes()).plan(read, here, target)


def plan_all(
    management: Management, to: str = "", *, namespace: str | None = None, wishes: Wishes | None = None
) -> Iterator[UpgradePlan | RefusedError]:
    """Plans of all clusters, as they are made; without `to`, to make each fit its own release.

    A cluster of which no release is known comes as an error. Clusters that `to` does not follow upon are left out.
    """
    catalogue = management.catalogue
    target = catalogue.get(to) if to else None
    planning = _Planning(management, wishes or Wishes())

    def of_one(bunch: tuple[ClusterObjects, Release, Release]) -> UpgradePlan:
        return planning.plan(*bunch)

    with ThreadPoolExecutor(_WORKERS) as pool:
        for page in management.pages(namespace):
            known: dict[str, Release] = {}
            for cluster in page:
                try:
                    known[_key(cluster)] = present_release(management, cluster)
                except UsageError as error:
                    yield RefusedError(error.attempted, on=error.on, why=error.why, remedy=error.remedy)
            releases = list({one.version: one for one in (*known.values(), *((target,) if target else ()))}.values())
            wanted = [one for one in page if _key(one) in known and _concerns(known[_key(one)], target)]
            reads = [
                (read, known[_key(read.cluster)], target or known[_key(read.cluster)])
                for read in management.with_objects(wanted, releases)
            ]
            yield from pool.map(of_one, reads)


@dataclass(frozen=True)
class Fit:
    """Whether a cluster (`namespace/name`) fits its release: the plan that would make it fit, or why nobody knows."""

    cluster: str
    version: str
    plan: UpgradePlan | None
    problem: str = ""


def fit(management: Management, name: str, namespace: str) -> Fit:
    """Whether a cluster fits the release that it is of. Raises UsageError for one that there is not."""
    cluster = management.cluster(name, namespace)
    try:
        present = present_release(management, cluster)
    except UsageError as error:
        return Fit(_key(cluster), "", None, error.why)
    return _fit(plan_upgrade(management, name, namespace, present.version.text))


def fit_all(management: Management, namespace: str | None = None) -> Iterator[Fit]:
    """Whether each cluster fits the release that it is of, as they are judged."""
    for one in plan_all(management, namespace=namespace):
        if isinstance(one, UpgradePlan):
            yield _fit(one)
        else:
            yield Fit(one.on.removeprefix("cluster "), "", None, one.why)


def _fit(plan: UpgradePlan) -> Fit:
    return Fit(f"{plan.namespace}/{plan.cluster}", plan.to_version, plan)


def present_release(management: Management, cluster: Mapping[str, Any], named: str = "") -> Release:
    """The release that a cluster is of: the one named, else that of its mark. Raises UsageError where none is known."""
    attempted, on = "looking for the release of", f"cluster {_key(cluster)}"
    version = named or management.version_of(cluster)
    if not version:
        remedy = "Name its release by --from, or set the label."
        raise UsageError(attempted, on=on, why=f"it has no label {management.label}", remedy=remedy)
    try:
        return management.catalogue.get(version)
    except UsageError as error:
        raise UsageError(attempted, on=on, why=f"{version}: {error.why}", remedy=error.remedy) from error


def _concerns(present: Release, target: Release | None) -> bool:
    return target is None or present.version == target.version or target.follows(present.version)


def _key(cluster: Mapping[str, Any]) -> str:
    return f"{cluster['metadata'].get('namespace', '')}/{cluster['metadata']['name']}"


class _Planning:
    def __init__(self, management: Management, wishes: Wishes) -> None:
        self._management, self._wishes = management, wishes
        self._tried = Tried()

    def plan(self, read: ClusterObjects, present: Release, target: Release) -> UpgradePlan:
        definition = self._wishes.definition.over(target.definition).answered(self._wishes.answers)
        upgrade = Upgrade(present, target, definition, self._management.label)
        made = drafts(read, upgrade, self._management.shape)
        problems = list(_standing_in_the_way(read, present, target))
        objects: list[ObjectPlan] = []
        for draft in made:
            planned, found = _Trial(self._management, read, draft, self._tried).judged()
            objects.append(planned)
            problems += [*found, *_refused(planned)]
        changed = [change for one in objects for change in one.changes]
        notes = [note for draft in made for note in draft.notes]
        if present.version == target.version and changed:
            notes.append(_LABEL_FIRST.format(target.version))
        elif changed and all(change.rule is Rule.RELEASE for change in changed) and _only_changes(objects):
            notes.append(_LABEL_ALONE)
        if target.deprecated_reason:
            notes.append(f"{target.version} is deprecated since {target.deprecated_since}: {target.deprecated_reason}")
        return UpgradePlan(
            read.name,
            read.namespace,
            present.version.text,
            target.version.text,
            tuple(one for one in objects if one.action is not Action.NONE or one.kept),
            tuple(problems),
            tuple(notes),
            self._management.uid,
        )


def _only_changes(objects: Sequence[ObjectPlan]) -> bool:
    return all(one.action in {Action.CHANGE, Action.NONE} for one in objects)


def _standing_in_the_way(read: ClusterObjects, present: Release, target: Release) -> Iterator[Problem]:
    """What keeps the whole cluster from being upgraded."""
    on = f"cluster {read.namespace}/{read.name}"
    if target.version < present.version:
        why = f"it is of {present.version}, and {target.version} is older: upgrades go forward only"
        yield Problem(on, why, "To undo an upgrade, revert it where it was made.")
    elif target.version != present.version and not target.follows(present.version):
        allowed = ", ".join(map(str, target.predecessors)) or "none"
        why = f"{target.version} is not upgraded to from {present.version}; allowed are {allowed}"
        yield Problem(on, why, "Go there by a release that allows it: ws-deployment release show VERSION.")
    if why := cluster_api.paused(read.objects):
        yield Problem(on, why, "Whoever paused it knows why; unpause it, then plan again.")
    if why := cluster_api.under_way(read.objects):
        yield Problem(on, why, "Wait until it is at rest, then plan again.")


def _refused(planned: ObjectPlan) -> Iterator[Problem]:
    """Changes that the definition forbids, and versions that would go back."""
    for kept in planned.kept:
        if kept.why is Kept.FORBID:
            why = f"the release has another value for {text_of(kept.path)}, and the change is forbidden: {kept.reason}"
            yield Problem(planned.title, why, f"See {kept.entry}.")
    for change in planned.changes:
        if cluster_api.holds_version(planned.kind, change.path) and _goes_back(change):
            why = f"{text_of(change.path)} would go back from {change.before} to {change.after}"
            yield Problem(planned.title, why, "Kubernetes goes forward only: choose a release that has its version.")


def _goes_back(change: FieldChange) -> bool:
    try:
        return Version.of(str(change.after)) < Version.of(str(change.before))
    except ValueError:
        return False


class Tried:
    """New states that the API server has taken as they are. Of clusters that differ by name alone, one is tried."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def has(self, body: Mapping[str, Any], cluster: str) -> bool:
        """Whether the same was tried, for this cluster or for one that differs by its name."""
        return self._key(body, cluster) in self._known

    def add(self, body: Mapping[str, Any], cluster: str) -> None:
        """Remember that it was taken as it is."""
        self._known.add(self._key(body, cluster))

    def _key(self, body: Mapping[str, Any], cluster: str) -> bytes:
        # Two texts that are equal without their clusters' names are one text with one name in the place of the other.
        return hashlib.sha256(json.dumps(body, sort_keys=True).replace(cluster, "\0").encode()).digest()


class _Trial:
    """One draft, put before the API server."""

    def __init__(self, management: Management, read: ClusterObjects, draft: Draft, tried: Tried) -> None:
        self._management, self._read, self._draft, self._tried = management, read, draft, tried
        self._shape = management.shape(draft.resource.api_version, draft.resource.kind)

    def judged(self) -> tuple[ObjectPlan, list[Problem]]:
        """The object's plan as the server sees it, and what the server refuses."""
        draft = self._draft
        planned = self._drafted()
        problems: list[Problem] = []
        if draft.action in {Action.CREATE, Action.CHANGE} and draft.body is not None and self._says_more():
            try:
                planned = self._as_created(planned)
            except KubeError as error:
                why = f"the API server refuses such an object: {error.why}"
                problems.append(Problem(planned.title, why, _remedy(error, _MEND)))
        if draft.live is not None and planned.action is Action.CHANGE and not problems:
            try:
                planned = self._as_applied(planned)
            except KubeError as error:
                why = f"the API server refuses to change it so: {error.why}"
                problems.append(Problem(planned.title, why, _remedy(error, _MEND_CHANGE)))
        return planned, problems

    def _says_more(self) -> bool:
        """Whether the release says more of the object than its mark, which no admission judges by itself."""
        changes = self._draft.outcome.changes
        return self._draft.live is None or any(change.rule is not Rule.RELEASE for change in changes)

    def _drafted(self) -> ObjectPlan:
        draft, live = self._draft, self._draft.live
        metadata = live["metadata"] if live else {}
        changes = draft.outcome.changes
        if live:
            changes = tuple(replace(change, held_by=held_by(live, change.path)) for change in changes)
        return ObjectPlan(
            draft.resource.api_version,
            draft.resource.kind,
            self._read.namespace,
            draft.name,
            draft.action,
            metadata.get("resourceVersion", ""),
            metadata.get("uid", ""),
            changes,
            draft.outcome.kept,
            draft.rule,
            draft.reason,
            draft.entry,
            draft.replaces,
            gitops.owner(live) if live else "",
            draft.disruptive,
            draft.irreversible,
            live=cleaned(live) if live else None,
            result=draft.body,
        )

    def _as_created(self, planned: ObjectPlan) -> ObjectPlan:
        """Have the server take the new state on trial. What its admission makes of a new object is in the plan."""
        body = dict(self._draft.body or {})
        if self._tried.has(body, self._read.name):
            return planned
        trial = {**body, "metadata": {**body["metadata"], "name": f"trial-{uuid.uuid4().hex}"}}
        answer = self._management.kube.try_create(trial, MANAGER)
        said = [
            _by_server(path, value, value_at(answer, path))
            for path, value in _leaves(body, ())
            if path != ("metadata", "name") and not same(value_at(answer, path), value, self._shape.scalar(path))
        ]
        if not said:
            self._tried.add(body, self._read.name)
        if planned.action is not Action.CREATE:
            return planned
        result: Any = body
        for change in said:
            result = with_value(result, change.path, change.after)
        return replace(planned, changes=(*planned.changes, *said), result=result)

    def _as_applied(self, planned: ObjectPlan) -> ObjectPlan:
        """What the server makes of the live object: that is the plan's result, with what admission does by itself."""
        live, kube = self._draft.live or {}, self._management.kube
        removes = any(change.after is ABSENT for change in planned.changes)
        together = not may_apply(planned.changes, self._shape)
        if removes and not together:
            sets = [change for change in planned.changes if change.after is not ABSENT]
            together = bool(sets) and not self._holds_half_way(live, sets)
        answer = cleaned(write(kube, live, planned.changes, self._shape, together=together, dry_run=True))
        intended: Any = planned.live
        for change in planned.changes:
            intended = with_value(intended, change.path, change.after)
        said = [_by_server(*found) for found in lines_between(intended, answer, self._draft.shape)]
        return replace(planned, changes=(*planned.changes, *said), result=answer, together=together)

    def _holds_half_way(self, live: Mapping[str, Any], sets: Sequence[FieldChange]) -> bool:
        """Whether the API takes what is set while what goes is still there."""
        try:
            write(self._management.kube, live, sets, self._shape, dry_run=True)
        except KubeError:
            return False
        return True


_MEND = "Mend the release, or the cluster's own fields, as the server says."
_MEND_CHANGE = (
    "Live objects can't be changed so: let the definition `keep` the field, or let the release replace the object "
    "under another name."
)
_RIGHTS = "Dry runs need the rights to create and patch the kinds of the releases, though they store nothing."
#: What RBAC says, unlike admission, which may refuse with the same status.
_NO_RIGHT = re.compile(r"403 .* cannot \w+ resource ")


def _remedy(error: KubeError, otherwise: str) -> str:
    return _RIGHTS if _NO_RIGHT.match(error.why) else otherwise


def _by_server(path: FieldPath, before: Any, after: Any) -> FieldChange:
    return FieldChange(path, before, after, Rule.SERVER, "the API server's admission does this by itself")


def _leaves(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path, value

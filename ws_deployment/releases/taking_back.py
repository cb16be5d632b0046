"""Takes back what a plan has changed: the former values of exactly these fields, the last one written first.

What was irreversible is never written back, and what somebody has changed since only where the caller says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ws_deployment.clients.kube_errors import ConflictKubeError, KubeError
from ws_deployment.errors import UsageError
from ws_deployment.releases import cluster_api, gitops, staleness
from ws_deployment.releases.applying import Progress, is_version_test, live_of
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.inverse import values_before
from ws_deployment.releases.owned import cleaned
from ws_deployment.releases.paths import ABSENT, FieldPath, text_of, value_at
from ws_deployment.releases.plan import Action, FieldChange, ObjectPlan, UpgradePlan
from ws_deployment.releases.values import same
from ws_deployment.releases.words import line
from ws_deployment.releases.writing import MANAGER, may_apply, write

Object = Mapping[str, Any]


@dataclass(frozen=True)
class ObjectBack:
    """What takes one object back: fields with what is there now and their former values, or the object as a whole.

    `action` is what is done now: a created object is deleted, a deleted one created. `live` is one that is deleted, as
    it was looked at.
    """

    planned: ObjectPlan
    action: Action
    changes: tuple[FieldChange, ...] = ()
    live: Object | None = None


@dataclass(frozen=True)
class Back:
    """What there is to be taken back of a plan, by how the objects are now.

    `objects` can be taken back, in that order. `irreversible` names what was changed and can't be. `moved` has, by the
    object's title, what is no longer as the plan made it. `left` are the titles of objects that the plan made and that
    stay. `hindered` says why nothing may be written at all; empty if it may.
    """

    objects: tuple[ObjectBack, ...] = ()
    irreversible: tuple[str, ...] = ()
    moved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    hindered: str = ""


def what_to_take_back(
    management: Management, plan: UpgradePlan, *, remove: bool = False, overwrite: Collection[str] = ()
) -> Back:
    """Look what is to be taken back of a plan that was applied, or half applied.

    With `remove` the objects that it made go too. `overwrite` are titles of objects of which also those fields go back
    that somebody has changed since. Raises KubeError or TransientKubeError.
    """
    survey = _Survey(management, remove=remove, overwrite=frozenset(overwrite))
    for planned in reversed(plan.objects):
        if planned.action is not Action.NONE:
            survey.add(planned)
    found = survey.result()
    # The Cluster itself may have nothing to be taken back, and be paused.
    if found.objects and not found.hindered:
        return replace(found, hindered=_paused(management, plan))
    return found


def _paused(management: Management, plan: UpgradePlan) -> str:
    try:
        return cluster_api.paused([management.cluster(plan.cluster, plan.namespace)])
    except UsageError:
        return ""  # there is no such cluster any more


def take_back(management: Management, back: Back, progress: Progress = lambda _line: None) -> None:
    """Do what was found. Raises ConflictKubeError where an object changes meanwhile: look again then; KubeError."""
    for one in back.objects:
        _carry_out(management, one)
        progress(f"{_PAST[one.action]} {one.planned.title}")


_PAST = {Action.CREATE: "made again", Action.CHANGE: "changed back", Action.DELETE: "removed"}


class _Survey:
    def __init__(self, management: Management, *, remove: bool, overwrite: frozenset[str]) -> None:
        self._management, self._remove, self._overwrite = management, remove, overwrite
        self._objects: list[ObjectBack] = []
        self._irreversible: list[str] = []
        self._moved: dict[str, tuple[str, ...]] = {}
        self._left: list[str] = []
        self._hindered: list[str] = []

    def add(self, planned: ObjectPlan) -> None:
        """Look at one object."""
        live = live_of(self._management, planned)
        if planned.action is Action.CREATE:
            self._created(planned, live)
        elif planned.action is Action.DELETE:
            self._deleted(planned, live)
        elif live is None:
            self._has_moved(planned, "it is gone")
        elif planned.uid and live["metadata"].get("uid") != planned.uid:
            self._has_moved(planned, "it was deleted and made anew")
        else:
            self._changed(planned, live)

    def result(self) -> Back:
        """What was found."""
        # Objects that are removed may be named by those that are changed back.
        order = sorted(self._objects, key=lambda one: one.action is Action.DELETE)
        hindered = "; ".join(self._hindered) if order else ""
        return Back(tuple(order), tuple(self._irreversible), self._moved, tuple(self._left), hindered)

    def _created(self, planned: ObjectPlan, live: Object | None) -> None:
        if live is None:
            return
        if not self._remove:
            self._left.append(planned.title)
        elif staleness.is_done(planned, live) or planned.title in self._overwrite:
            self._may_write(planned, live)
            self._objects.append(ObjectBack(planned, Action.DELETE, live=live))
        else:
            self._has_moved(planned, "it is not as the upgrade made it")

    def _deleted(self, planned: ObjectPlan, live: Object | None) -> None:
        if live is not None:
            if live["metadata"].get("deletionTimestamp"):
                self._has_moved(planned, "it is still being deleted")
            return
        if planned.object_irreversible:
            self._irreversible.append(f"{planned.title} was deleted")
        else:
            self._objects.append(ObjectBack(planned, Action.CREATE))

    def _changed(self, planned: ObjectPlan, live: Object) -> None:
        back: list[FieldChange] = []
        moved: list[str] = []
        for path, former in values_before(planned.written, planned.live or {}):
            here = value_at(live, path)
            if _is(here, former):
                continue
            made = _is(here, value_at(planned.result, path))
            by = [change for change in planned.written if change.path[: len(path)] == path]
            inverse = FieldChange(path, here, former, by[0].rule)
            if any(change.irreversible for change in by):
                self._irreversible.append(f"{planned.title}: {line(inverse)}")
            elif made or planned.title in self._overwrite:
                back.append(inverse)
            else:
                moved.append(f"{text_of(path)} is {_shown(here)}, and the upgrade made it {_made(planned, path)}")
        if moved:
            self._moved[planned.title] = tuple(moved)
        if back:
            self._may_write(planned, live)
            self._objects.append(ObjectBack(planned, Action.CHANGE, tuple(back)))

    def _has_moved(self, planned: ObjectPlan, why: str) -> None:
        if planned.title not in self._overwrite:
            self._moved[planned.title] = (why,)

    def _may_write(self, planned: ObjectPlan, live: Object) -> None:
        if why := cluster_api.paused([live]):
            self._hindered.append(why)
        if owner := gitops.owner(live):
            self._hindered.append(f"{planned.title} is written by {owner}")


def _carry_out(management: Management, back: ObjectBack) -> None:
    planned, kube = back.planned, management.kube
    if back.action is Action.DELETE:
        _delete(management, back)
        return
    if back.action is Action.CREATE:
        kube.create({**(planned.live or {})}, manager=MANAGER)
        return
    live = live_of(management, planned)
    if live is None or any(not _is(value_at(live, change.path), change.before) for change in back.changes):
        raise ConflictKubeError("changing back", on=planned.title, why="it has changed in the same moment")
    shape = management.shape(planned.api_version, planned.kind)
    mixed = len({change.after is ABSENT for change in back.changes}) > 1
    together = planned.together or mixed or not may_apply(back.changes, shape)
    try:
        write(kube, live, back.changes, shape, together=together)
    except KubeError as error:
        if is_version_test(error):
            raise ConflictKubeError("changing back", on=planned.title, why=error.why) from error
        raise


def _delete(management: Management, back: ObjectBack) -> None:
    """Delete an object that is as it was looked at; what its controller has reported since is no difference."""
    planned, live = back.planned, live_of(management, back.planned)
    if live is None or back.live is None:
        return
    same_one = live["metadata"].get("uid") == back.live["metadata"].get("uid")
    if not same_one or cleaned(live) != cleaned(back.live):
        raise ConflictKubeError("removing", on=planned.title, why="it has changed in the same moment")
    management.kube.delete(planned.api_version, planned.kind, planned.name, planned.namespace or None, as_read=live)


def _is(here: Any, value: Any) -> bool:
    return here is value if ABSENT in (here, value) else same(here, value)


def _made(planned: ObjectPlan, path: FieldPath) -> str:
    return _shown(value_at(planned.result, path))


def _shown(value: Any) -> str:
    return "not there" if value is ABSENT else repr(value)


def lines(back: Back) -> Iterator[str]:
    """What would be done, for a person."""
    for one in back.objects:
        yield f"{_PAST[one.action]}: {one.planned.title}"
        yield from (f"    {line(change)}" for change in one.changes)

"""Whether live objects are still as a plan found them. What the plan itself has changed already is no move.

So a plan that was half carried out when its program was killed is gone on with, and one beside which somebody else
changed the cluster is refused, with the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ws_deployment.releases.inverse import undone
from ws_deployment.releases.owned import cleaned
from ws_deployment.releases.paths import ABSENT, FieldPath, text_of, value_at, with_value
from ws_deployment.releases.plan import Action, FieldChange, ObjectPlan
from ws_deployment.releases.shape import IShape
from ws_deployment.releases.three_way import lines_between
from ws_deployment.releases.values import same

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """A difference between the plan and now. `path` is empty where it is about the object as a whole."""

    title: str
    path: FieldPath
    planned: Any
    now: Any
    why: str = ""

    def __str__(self) -> str:
        if not self.path:
            return f"{self.title}: {self.why}"
        return f"{self.title}: {text_of(self.path)} was {_shown(self.planned)}, is {_shown(self.now)}"


def moves(planned: ObjectPlan, now: Object | None, shape: IShape) -> Iterator[Move]:
    """All that differs from what was planned upon; `now` is None where there is no such object."""
    if planned.action is Action.CREATE:
        if now is not None and not _is_created(planned, now):
            yield Move(planned.title, (), None, None, "there is one of that name by now, and it is not as planned")
        return
    if now is None:
        if planned.action is not Action.DELETE:
            yield Move(planned.title, (), None, None, "it is gone")
        return
    if planned.uid and now["metadata"].get("uid") != planned.uid:
        yield Move(planned.title, (), None, None, "it was deleted and made anew")
        return
    before, here = _comparable(planned.live or {}, planned), _comparable(_undone(planned, cleaned(now)), planned)
    for path, one, other in lines_between(before, here, shape):
        yield Move(planned.title, path, one, other)


def is_made(planned: ObjectPlan, change: FieldChange, now: Object) -> bool:
    """Whether a change is made already: the field is as the dry run said that it would be in the end."""
    return _is_after(change.path, value_at(planned.result or {}, change.path), now)


def is_done(planned: ObjectPlan, now: Object | None) -> bool:
    """Whether the object is as it shall be already."""
    if planned.action is Action.DELETE:
        return now is None
    if planned.action is Action.CREATE:
        return now is not None and _is_created(planned, now)
    return now is not None and all(is_made(planned, change, now) for change in planned.changes)


def _is_created(planned: ObjectPlan, now: Object) -> bool:
    """Whether the object has all that the plan creates; the server and controllers may have added to it."""
    return all(_is_after(path, value, now) for path, value in _leaves(planned.result or {}, ()))


def _is_after(path: FieldPath, after: Any, now: Object) -> bool:
    here = value_at(now, path)
    return here is after if ABSENT in (here, after) else same(here, after)


def _undone(planned: ObjectPlan, now: Object) -> Object:
    """The object without those of the plan's changes that are made already."""
    made = [change for change in planned.changes if is_made(planned, change, now)]
    return dict(undone(now, made, planned.live or {}))


def _comparable(one: Object, planned: ObjectPlan) -> Any:
    """An object without what moves by itself: annotations that the plan is not about."""
    annotations = ("metadata", "annotations")
    touched = {change.path[2] for change in planned.changes if change.path[:2] == annotations and len(change.path) > 2}  # noqa: PLR2004  metadata, annotations, the key
    here = value_at(one, annotations)
    kept = {key: text for key, text in here.items() if key in touched} if isinstance(here, Mapping) else {}
    return with_value(one, annotations, kept or ABSENT)


def _leaves(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path, value


def _shown(value: Any) -> str:
    return "nothing" if value is ABSENT else repr(value)

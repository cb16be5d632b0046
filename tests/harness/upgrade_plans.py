"""Upgrade plans, and a stand-in for a management cluster that plans are carried out at: a JSON file of fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ws_deployment.engine.schedules import Schedule
from ws_deployment.errors import StalePlanError
from ws_deployment.releases.paths import ABSENT, path_of
from ws_deployment.releases.plan import Action, FieldChange, ObjectPlan, Rule, UpgradePlan

#: What an upgrade of the stand-in makes of its fields.
WANTED = {"spec.version": "v1.30.2", "spec.class": "aws", "spec.size": 3}


def plan_of(fields: dict[str, object], cluster: str = "alpha", wanted: dict[str, object] | None = None) -> UpgradePlan:
    """The plan that brings `fields` (by path) to `wanted`."""
    changes = tuple(
        FieldChange(path_of(path), fields.get(path, ABSENT), value, Rule.OVERWRITE)
        for path, value in (wanted or WANTED).items()
        if fields.get(path, ABSENT) != value
    )
    action = Action.CHANGE if changes else Action.NONE
    one = ObjectPlan("cluster.x-k8s.io/v1beta1", "Cluster", "org", cluster, action, changes=changes)
    return UpgradePlan(cluster, "org", "25.0.0", "25.1.0", (one,), management="uid")


class Management:
    """The fields of one cluster in a file; who applies writes each for itself, and each write is noted."""

    def __init__(self, file: Path, wanted: dict[str, object] | None = None) -> None:
        self.file = file
        self.wanted = wanted or WANTED
        self.errors: list[Exception] = []
        self.here = True
        self.before_write: Callable[[str], None] = lambda _: None
        if not file.exists():
            self._keep({"spec.version": "v1.29.4", "spec.size": 1}, [])

    @property
    def fields(self) -> dict[str, object]:
        """What the cluster's fields are."""
        return dict(json.loads(self.file.read_text())["fields"])

    @property
    def writes(self) -> list[str]:
        """The paths that were written, in order."""
        return list(json.loads(self.file.read_text())["writes"])

    def set(self, path: str, value: object) -> None:
        """Change a field, as a person would."""
        self._keep({**self.fields, path: value}, self.writes)

    def reaches(self, _: Schedule) -> bool:
        """Whether it is the management cluster of a schedule."""
        return self.here

    def replan(self, plan: UpgradePlan) -> UpgradePlan:
        """The plan of now."""
        if self.errors:
            raise self.errors.pop()
        return plan_of(self.fields, plan.cluster, self.wanted)

    def apply(self, plan: UpgradePlan) -> None:
        """Write the plan's fields, one after the other, but for those that are as it wants them."""
        if self.errors:
            raise self.errors.pop()
        for one in plan.objects:
            for change in one.changes:
                path = ".".join(map(str, change.path))
                here = self.fields.get(path, ABSENT)
                if here == change.after:
                    continue
                if here != change.before:
                    raise StalePlanError("applying", why=f"{path} has moved")
                self.before_write(path)
                self._keep({**self.fields, path: change.after}, [*self.writes, path])

    def _keep(self, fields: dict[str, object], writes: list[str]) -> None:
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps({"fields": fields, "writes": writes}))
        partial.replace(self.file)

"""A step's context about a managed cluster, and an upgrade of it that upgrade-diff has handed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.cluster_context import ClusterContext, a_cluster
from harness.upgrade_plans import WANTED, plan_of

from ws_deployment.config.v1 import Project
from ws_deployment.releases.plan import UpgradePlan

_MADE = plan_of({"spec.version": "v1.29.4", "spec.size": 1})
_RESULT = {"spec": {path.removeprefix("spec."): value for path, value in WANTED.items()}}
PLAN = replace(_MADE, objects=(replace(_MADE.objects[0], result=_RESULT),))


class UpgradeContext(ClusterContext):
    """About the workspace cluster `alpha`; with `plan`, upgrade-diff has run for it."""

    def __init__(self, folder: Path, plan: UpgradePlan | None = PLAN, *, dry_run: bool = False) -> None:
        there = a_cluster("existing", create=False, name="alpha", short_name="alpha")
        super().__init__(folder, there, Project(id="p"), dry_run=dry_run)
        if plan is not None:
            self.earlier = {"upgrade-diff": {"plan": plan.as_json()}}

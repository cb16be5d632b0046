"""upgrade-diff: what would change if a cluster went to another release, field by field, for a review."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from ws_deployment.errors import StalePlanError, UsageError
from ws_deployment.interfaces import Change, IPreRun, IStep, Outputs, PreRun, StepContext, StepPlan, SubTask, Verdict
from ws_deployment_steps.management_access import PLAN, OnManagement, cluster_name, inputs, management
from ws_deployment_steps.sources import located

if TYPE_CHECKING:
    from ws_deployment.releases.definition import Definition, Entry
    from ws_deployment.releases.plan import UpgradePlan

_FIELD = re.compile(r"(?:(?P<kind>[A-Z]\w*):)?(?P<path>.+)")
_FINGERPRINT = "fingerprint"


class UpgradeDiffParameters(OnManagement):
    """What upgrade-diff takes."""

    to: str = Field(min_length=1, description="The release that the cluster shall be of.")
    present: str = Field(
        default="", alias="from", description="Its release now, where the label of the Cluster does not say it."
    )
    definition: str | None = Field(default=None, description="A file of mutable fields, over the release's own.")
    answers: dict[str, Literal["overwrite", "keep"]] = Field(
        default_factory=dict, description="What becomes of fields that the definition asks about, by `[KIND:]PATH`."
    )

    @field_validator("answers")
    @classmethod
    def _are_paths(cls, given: dict[str, Literal["overwrite", "keep"]]) -> dict[str, Literal["overwrite", "keep"]]:
        for name, policy in given.items():
            _answer(name, policy)
        return given


class UpgradeDiff(IStep[UpgradeDiffParameters]):
    """Plans the upgrade and hands the plan on; nothing is stored anywhere else."""

    summary = "Say field by field what an upgrade of a managed cluster to another release would change."
    parameters_model = UpgradeDiffParameters

    def inputs(self, context: StepContext) -> Sequence[Path]:
        """The releases, where they are a folder, and the definition."""
        return inputs(self.parameters.management, context, self.parameters.definition)

    def pre_runs(self) -> Sequence[IPreRun]:
        """Nothing stands in the way of the upgrade."""
        return (PreRun("upgrade", self._may_go),)

    def plan(self, context: StepContext) -> StepPlan:
        """The diff."""
        from ws_deployment.releases.words import count, listing, title  # noqa: PLC0415  loaded when used

        found = self._plan(context)
        return StepPlan(
            f"{title(found)}: {count(found)}",
            Change.READ,
            listing(found),
            fingerprint={"upgrade": found.fingerprint},
            subtasks=(SubTask("run", data={_FINGERPRINT: found.fingerprint}),),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        """The plan as data: the very one that was shown."""
        found = self._plan(context)
        if found.fingerprint != subtask.data[_FINGERPRINT]:
            raise StalePlanError(
                "planning the upgrade of",
                on=f"{found.namespace}/{found.cluster}",
                why="it has changed since the diff was shown",
                remedy="Begin a new run, and review its diff.",
            )
        return {PLAN: found.as_json()}

    def _may_go(self, context: StepContext) -> Verdict:
        from ws_deployment.releases.paths import text_of  # noqa: PLC0415  loaded when used
        from ws_deployment.releases.words import count  # noqa: PLC0415  likewise

        found = self._plan(context)
        if found.problems:
            first = found.problems[0]
            more = "".join(f"\n{one.on}: {one.why}" for one in found.problems[1:])
            return Verdict.refuse(f"{first.on}: {first.why}{more}", first.remedy)
        if found.questions:
            asked = "\n".join(f"{one.title}: {text_of(kept.path)}: {kept.reason}" for one, kept in found.questions)
            example = f"{found.questions[0][0].kind}:{text_of(found.questions[0][1].path)}"
            return Verdict.refuse(
                f"nobody has answered what becomes of\n{asked}",
                f"Answer by `answers: {{'{example}': keep}}`, or `overwrite`.",
            )
        return Verdict.proceed(count(found))

    def _plan(self, context: StepContext) -> UpgradePlan:
        from ws_deployment.releases.definition import Definition  # noqa: PLC0415  loaded when used
        from ws_deployment.releases.planning import Wishes, plan_upgrade  # noqa: PLC0415  loaded when used

        given = self.parameters
        answers = tuple(_answer(name, policy) for name, policy in given.answers.items())
        definition = _definition(located(given.definition, context)) if given.definition else Definition()
        return plan_upgrade(
            management(given.management, context),
            cluster_name(given.management, context),
            given.management.namespace,
            given.to,
            present=given.present,
            wishes=Wishes(definition, answers),
        )


def _definition(path: Path) -> Definition:
    from ws_deployment.releases.loader import load_definition  # noqa: PLC0415  loaded when used

    found, faults = load_definition(path)
    if found is None:
        why = "; ".join(f"{fault.where or ''} {fault.message}".strip() for fault in faults)
        raise UsageError("reading mutable fields from", on=str(path), why=why, remedy=faults[0].remedy)
    return found


def _answer(name: str, policy: str) -> Entry:
    """The entry that an answer stands for. Raises ValueError for what is no path."""
    from ws_deployment.releases.definition import ANY_KIND, Entry, Policy  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.patterns import Pattern  # noqa: PLC0415  likewise

    found = _FIELD.fullmatch(name)
    if not found:
        msg = f"`{name}` is no field: write it as KubeadmControlPlane:spec.replicas"
        raise ValueError(msg)
    return Entry(found["kind"] or ANY_KIND, Pattern.of(found["path"]), Policy(policy), "an answer")

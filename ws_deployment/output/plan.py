"""A plan on paper: for each cluster, each step and what it would do, what could not be known, what would be refused.

The same as text for a review and as JSON for programs. Secrets were masked by whoever made the plan.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ws_deployment.engine.outcome import Checked, Intent, Status
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.saved_plan import concerned, task_as_json
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.interfaces import Change, Decision, StepPlan
from ws_deployment.output.glyphs import LOOKS
from ws_deployment.output.page import Item, Page

#: Lines of a diff that are shown before the rest is only counted.
DIFF_LINES = 12
#: Reasons up to this many characters are repeated where they occur, rather than told once at the end.
_SHORT = 64

#: How a change looks: symbol, colour, and the words of the closing line.
CHANGES = {
    Change.CREATE: ("+", "green", "to create"),
    Change.UPDATE: ("~", "yellow", "to update"),
    Change.DESTROY: ("-", "red", "to destroy"),
    Change.READ: (">", "cyan", "to check"),
    Change.UNKNOWN: ("?", "magenta", "known later"),
    Change.NONE: ("=", "bright_black", "unchanged"),
}
_DIFF_COLOURS = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}


@dataclass(frozen=True)
class PlanReport:
    """A fleet's plan: its tasks with their intents, in the graph's order.

    `unasked` are things that could not be asked when the id was drawn; `diff_lines` limits each diff in the text
    (None: whole). `notes` are said below the heading: that nothing is locked, for example.
    """

    fleet: Fleet
    planned: Sequence[tuple[Task, Intent]]
    unasked: Sequence[str] = ()
    notes: Sequence[str] = ()
    diff_lines: int | None = DIFF_LINES
    _cut: list[str] = field(default_factory=list, init=False, repr=False)

    @functools.cached_property
    def _notes(self) -> _Footnotes:
        unknown = (text for _, intent in self.planned if intent.plan for text in intent.plan.unknown)
        deferred = (
            {check.reason: None for check in intent.checks if check.decision == Decision.DEFERRED}
            for _, intent in self.planned
        )
        return _Footnotes((*unknown, *(reason for reasons in deferred for reason in reasons)))

    def write(self, page: Page) -> Page:
        """Write it all onto a page."""
        fleet = self.fleet
        page.wrapped(f"Plan for {fleet.name} ({fleet.environment}), cluster id {fleet.cluster_id}", colour="bold")
        for note in self.notes:
            page.wrapped(note)
        for unasked in self.unasked:
            page.item(Item("?", "magenta", "not asked whether names are taken:", indent=0), unasked)
        targets: dict[str, list[tuple[Task, Intent]]] = {}
        for task, intent in self.planned:
            targets.setdefault(task.target, []).append((task, intent))
        column = max((len(task.step) for task, _ in self.planned), default=0) + len("  x ") + 2
        for target, tasks in targets.items():
            self._target(page, target)
            for task, intent in tasks:
                self._task(page, task, intent, column)
        if self._notes.numbers:
            page.blank()
        for reason, number in self._notes.numbers.items():
            page.wrapped(reason, f"[{number}] ", "    ")
        page.blank()
        page.wrapped(self.count(page), rest="  ", colour="bold")
        if self._cut:
            page.wrapped(f"Cut short: {len(self._cut)} long listings; --full and --json have them whole.")
        return page

    def as_json(self) -> dict[str, Any]:
        """JSON values: the fleet, and each task with its intent as it would be journaled."""
        return {
            "v": 1,
            "fleet": self.fleet.name,
            "environment": self.fleet.environment,
            "clusterId": self.fleet.cluster_id,
            "clusters": [
                {
                    "name": cluster.name,
                    "shortName": cluster.short_name,
                    "region": cluster.region,
                    "type": cluster.type,
                    "governedBy": [governance.meta for governance in cluster.governed_by],
                    "url": cluster.url,
                }
                for cluster in self.fleet.workspace_clusters
            ],
            "tasks": [task_as_json(task, intent) for task, intent in self.planned],
            "changes": {str(change): count for change, count in self.changes().items()},
            "refused": concerned(self.planned, Status.REFUSED),
            "failed": concerned(self.planned, Status.FAILED),
            "unasked": list(self.unasked),
            "notes": list(self.notes),
        }

    def count(self, page: Page) -> str:
        """The closing line: how many tasks would do what."""
        changes = self.changes()
        parts = [
            f"{symbol} {changes[change]} {words}" for change, (symbol, _, words) in CHANGES.items() if changes[change]
        ]
        ends = Counter(intent.status for _, intent in self.planned)
        shown = (Status.SKIPPED, Status.REFUSED, Status.FAILED)
        parts += [f"{page.glyphs.status(status)} {ends[status]} {status}" for status in shown if ends[status]]
        return f"Plan: {', '.join(parts) or 'nothing to do'}."

    def changes(self) -> Counter[Change]:
        """How many tasks would do what."""
        return Counter(intent.plan.change for _, intent in self.planned if intent.plan)

    def _target(self, page: Page, target: str) -> None:
        page.blank()
        cluster = next((c for c in self.fleet.workspace_clusters if c.short_name == target), None)
        if cluster is None:
            page.wrapped(target, colour="bold")
            return
        governors = ", ".join(governance.meta for governance in cluster.governed_by)
        page.wrapped(f"{target}  {cluster.name}", colour="bold")
        page.wrapped(f"{cluster.type}, {cluster.region}, governed by {governors}", "  ", colour="bright_black")
        if cluster.url:
            page.wrapped(cluster.url, "  ", colour="bright_black")

    def _task(self, page: Page, task: Task, intent: Intent, column: int) -> None:
        if intent.plan:
            symbol, colour, _ = CHANGES[intent.plan.change]
            text = intent.plan.summary
        else:
            look = LOOKS[intent.status]
            symbol, colour = page.glyphs.status(intent.status), look.colour
            text = f"{intent.status}: {intent.problem.why if intent.problem else intent.reason}"
        page.item(Item(symbol, colour, task.step), text, column)
        if intent.problem and intent.problem.remedy:
            page.wrapped(intent.problem.remedy, " " * column + "→ ", " " * (column + 2))
        self._checks(page, intent.checks)
        if intent.plan:
            for unknown in intent.plan.unknown:
                page.wrapped(self._notes.short(unknown), "      ? ", colour="bright_black")
            self._diff(page, task, intent.plan)

    def _checks(self, page: Page, checks: Sequence[Checked]) -> None:
        """One line for all checks that are content; one for those that wait for the same, with what they wait for."""
        content = [check.check for check in checks if check.decision == Decision.PROCEED]
        if content:
            mark = page.glyphs.status(Status.DONE)
            page.wrapped(", ".join(content), f"      {mark} checked: ", " " * 8, colour="bright_black")
        waiting: dict[str, list[str]] = {}
        for check in checks:
            if check.decision == Decision.DEFERRED:
                waiting.setdefault(check.reason, []).append(check.check)
        for reason, names in waiting.items():
            text = f"checked later: {', '.join(names)}: {self._notes.short(reason)}"
            page.wrapped(text, "      ? ", colour="bright_black")

    def _diff(self, page: Page, task: Task, plan: StepPlan) -> None:
        lines, limit = plan.diff.splitlines(), self.diff_lines
        if limit is None or len(lines) <= limit + 1:
            shown = lines
        else:
            self._cut.append(task.key)
            if plan.change is Change.CREATE and (objects := _objects(plan.diff)):
                page.wrapped(", ".join(objects), " " * 8)
                return
            shown = lines[:limit]
        for line in shown:
            page.wrapped(line, " " * 8, " " * 10, colour=_DIFF_COLOURS.get(line[:1], ""))
        if len(shown) < len(lines):
            page.wrapped(f"and {len(lines) - len(shown)} lines more", " " * 8, colour="bright_black")


def _objects(listing: str) -> list[str]:
    """The Kubernetes objects of a listing of manifests, as `Kind name`, or the resources of one of Terraform's."""
    found = re.findall(r"(?m)^\+ (\S+)$", listing)
    for document in re.split(r"(?m)^---$", listing):
        kind = re.search(r"(?m)^kind: (\S+)$", document)
        name = re.search(r"(?m)^metadata:\n(?:  .*\n)*?  name: (\S+)$", document)
        if kind and name:
            found.append(f"{kind[1]} {name[1]}")
    return found


class _Footnotes:
    """Long reasons that several tasks share are told once, at the end; `short` is what stands in their places."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self._shared = {reason for reason, count in Counter(reasons).items() if count > 1 and len(reason) > _SHORT}
        #: Those that were referred to, numbered in the order in which a reader meets them.
        self.numbers: dict[str, int] = {}

    def short(self, reason: str) -> str:
        if reason not in self._shared:
            return reason
        return f"see [{self.numbers.setdefault(reason, len(self.numbers) + 1)}]"

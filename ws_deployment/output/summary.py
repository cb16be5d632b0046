"""What came of a run, told at its end: what was made and where, how long it took, what failed and what to do about it.

The same as text for people and as JSON for programs.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.outcome import Status
from ws_deployment.interfaces import Scope
from ws_deployment.output.advice import going_on
from ws_deployment.output.gates import split
from ws_deployment.output.glyphs import LOOKS, one_line
from ws_deployment.output.judged import write_turned_back
from ws_deployment.output.model import ClusterView, RowView, RunView, TaskView
from ws_deployment.output.page import Item, Page

_BAR = 20


@dataclass(frozen=True)
class Summary:
    """A finished run. `next_steps` are commands to go on with, by what each is for.

    `removals` are commands that remove a cluster, by its short name; where none is given, what the steps' plans said.
    """

    run: RunView
    next_steps: Mapping[str, str] = field(default_factory=dict)
    removals: Mapping[str, str] = field(default_factory=dict)

    def write(self, page: Page) -> Page:
        """Write it all onto a page."""
        self._head(page)
        self._refusals(page)
        self._clusters(page)
        self._durations(page)
        self._traffic(page)
        write_turned_back(page, self.run)
        self._faults(page)
        self._next(page)
        return page

    def as_json(self) -> dict[str, Any]:
        """JSON values; documented in docs/events.md."""
        run = self.run
        return {
            "run": run.run,
            "fleet": run.fleet,
            "environment": run.environment,
            "clusterId": run.cluster_id,
            "status": run.status,
            "seconds": run.seconds,
            "counts": {str(status): count for status, count in run.counts.items()},
            "clusters": [self._cluster_as_json(cluster) for cluster in run.clusters],
            "traffic": {meta: dict(shares) for meta, shares in run.traffic.items()},
            "measured": {meta: dict(shares) for meta, shares in run.measured.items()},
            "gates": [gate.as_json() for gate in run.gates.values()],
            "turnedBack": [back.as_json() for back in run.turned_back],
            "tasks": [self._task_as_json(task) for task in run.tasks.values()],
            "failures": [task.key for task in run.faults],
            "refusals": [dict(refusal) for refusal in run.refusals],
            "removals": self._removals(),
            "nextSteps": [
                {"what": what, "command": command}
                for what, command in {**going_on(self.run), **self.next_steps}.items()
            ],
        }

    # -- parts ---------------------------------------------------------------------------------------------------

    def _head(self, page: Page) -> None:
        run = self.run
        look = LOOKS[run.status]
        took = f" in {format_duration(run.seconds)}" if run.seconds is not None else ""
        kind = f"rollback {run.run} of run {run.undoes}" if run.undoes else f"run {run.run}"
        what = f"{run.fleet}, id {run.cluster_id}, {kind}"
        page.item(Item(page.glyphs.status(run.status), look.colour, f"{run.status}{took}:", indent=0), what)
        if run.counts:
            page.wrapped(", ".join(f"{count} {status}" for status, count in run.counts.items()), "  tasks: ")
        if run.status is Status.TURNED_BACK:
            page.wrapped("exit code 7: it turned bad, and what it had moved was taken back", "  ")

    def _refusals(self, page: Page) -> None:
        if self.run.problem:
            page.heading("Why")
            page.wrapped(self.run.problem_text, "  ")
            self._remedy(page, str(self.run.problem.get("remedy", "")))
        if self.run.refusals:
            page.heading("Refused, nothing was touched")
        for refusal in self.run.refusals:
            item = Item(page.glyphs.status(Status.REFUSED), LOOKS[Status.REFUSED].colour, refusal["task"])
            page.item(item, f"{refusal['check']}: {refusal['reason']}")
            self._remedy(page, refusal.get("remedy", ""))

    def _clusters(self, page: Page) -> None:
        rows = {row.name: row for row in self.run.rows}
        own = [cluster for cluster in self.run.clusters if cluster.short_name in rows]
        begun = [cluster for cluster in own if any(task.started for task in rows[cluster.short_name].tasks)]
        if not begun:
            return
        page.heading("Clusters")
        width = max(len(cluster.short_name) for cluster in begun) + len("  x ") + 2
        for cluster in begun:
            row = rows[cluster.short_name]
            status = Status.TURNED_BACK if cluster.short_name in self._gone else row.status
            text = f"{self._name(cluster)}  {cluster.region}  {cluster.type}"
            page.item(Item(page.glyphs.status(status), LOOKS[status].colour, cluster.short_name), text, width)
            page.wrapped(self._fate(cluster, row), " " * width, colour="bright_black")

    def _durations(self, page: Page) -> None:
        """A row a step and a column a target where that fits; else the range over all targets."""
        run = self.run
        steps = [step for step in run.steps if any(t.step == step and t.started for t in run.tasks.values())]
        if not steps:
            return
        page.heading("Steps")
        rows = [["", *(row.name for row in run.rows)]]
        rows += [[step, *(_duration(row.task(step)) for row in run.rows)] for step in steps]
        if sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) <= page.width:
            page.columns(rows)
            return
        ranges = [["", "targets", "fastest", "slowest", ""]]
        for step in steps:
            took = sorted((t.seconds, t.target) for t in run.tasks.values() if t.step == step and t.seconds)
            if took:
                (low, _), (high, slowest) = took[0], took[-1]
                ranges.append([step, str(len(took)), format_duration(low), format_duration(high), slowest])
        page.columns(ranges)

    def _traffic(self, page: Page) -> None:
        if not self.run.traffic:
            return
        page.heading("Traffic")
        new = {cluster.short_name for cluster in self.run.clusters}
        width = max(map(len, self.run.traffic))
        for meta, shares in self.run.traffic.items():
            bar = page.glyphs.bar(sum(share for name, share in shares.items() if name in new), _BAR)
            page.wrapped(split(shares, self.run.measured.get(meta), new), f"  {meta:{width}}  {bar}  ")

    def _faults(self, page: Page) -> None:
        told = {back.task for back in self.run.turned_back if back.done}
        faults = [task for task in self.run.faults if task.key not in told]
        if faults:
            page.heading("What went wrong")
        for task in faults:
            took = f" after {format_duration(task.seconds)}" if task.seconds else ""
            tries = f", {task.attempt} attempts" if task.attempt > 1 else ""
            item = Item(page.glyphs.status(task.status), LOOKS[task.status].colour, task.key)
            page.item(item, f"{task.status}{took}{tries}")
            page.wrapped(task.reason, " " * 6)
            self._remedy(page, task.remedy)
            if task.output and task.output.exists() and str(task.output) not in task.remedy:
                page.wrapped(str(task.output), " " * 6 + "output: ")
        blocked = [task.key for task in self.run.tasks.values() if task.status is Status.BLOCKED]
        if blocked:
            page.wrapped(", ".join(blocked), f"  {page.glyphs.status(Status.BLOCKED)} blocked by that: ", " " * 6)
        waiting = [task for task in self.run.tasks.values() if task.status is Status.WAITING and task.started]
        if waiting:
            page.heading("Waits")
        for task in waiting:
            item = Item(page.glyphs.status(Status.PAUSED), LOOKS[Status.PAUSED].colour, task.key)
            page.item(item, one_line(task.activity(task.hold_until or 0.0)))
        stopped = [task for task in self.run.tasks.values() if task.status is Status.CANCELLED]
        if stopped:
            page.heading("Interrupted")
        for task in stopped:
            item = Item(page.glyphs.status(task.status), LOOKS[task.status].colour, task.key)
            page.item(item, one_line(task.plan))

    def _next(self, page: Page) -> None:
        removals = self._removals().items()
        commands = {
            **going_on(self.run),
            **self._look(),
            **{self._why_kept(name): line for name, line in removals},
            **self.next_steps,
        }
        folder = self._output_folder()
        if not commands and folder is None:
            return
        page.heading("Next")
        for what, command in commands.items():
            page.wrapped(what, "  ")
            page.verbatim(command, 6)
        if folder is not None:
            page.wrapped("full output, one file a task (TARGET.STEP.log):", "  ")
            page.verbatim(f"{folder}/", 6)

    def _why_kept(self, name: str) -> str:
        kept = "is kept, cordoned" if name in self._gone else "was left as it is"
        return f"{name} {kept}, for a look; to remove it:"

    def _look(self) -> dict[str, str]:
        """How to look into the first cluster that came through."""
        for cluster in self.run.clusters:
            kubeconfig = self._outputs(cluster).get("kubeconfig")
            row = self._row(cluster)
            if kubeconfig and row and row.status.good:
                command = f"kubectl --kubeconfig {shlex.quote(str(kubeconfig))} get pods -A"
                return {f"to look into {cluster.short_name}:": command}
        return {}

    def _remedy(self, page: Page, remedy: str) -> None:
        if remedy:
            page.wrapped(remedy, " " * 6 + page.glyphs.spell("→ "), " " * 8)

    # -- facts ---------------------------------------------------------------------------------------------------

    @property
    def _gone(self) -> set[str]:
        """Short names of the clusters that were turned back."""
        return {name for back in self.run.turned_back if back.done for name in back.clusters}

    def _name(self, cluster: ClusterView) -> str:
        """Its name as it was made; until then as it is to be."""
        outputs = self._outputs(cluster)
        return str(outputs.get("name", cluster.name))

    def _row(self, cluster: ClusterView) -> RowView | None:
        """Its tasks; None where the pipeline has none for it."""
        return next((row for row in self.run.rows if row.name == cluster.short_name), None)

    def _outputs(self, cluster: ClusterView) -> dict[str, Any]:
        tasks = [task for task in self.run.tasks.values() if task.target == cluster.short_name]
        return {key: value for task in tasks for key, value in task.outputs.items()}

    def _fate(self, cluster: ClusterView, row: RowView) -> str:
        outputs = self._outputs(cluster)
        parts = [str(outputs[key]) for key in ("url", "endpoint") if key in outputs][:1]
        current = row.current
        if current.status.at_fault or current.status in {Status.CANCELLED, Status.BLOCKED}:
            parts.append(f"{current.step} {current.status}")
        if cluster.short_name in self._gone:
            parts.append("turned back, cordoned")
        for meta in cluster.governed_by:
            if meta in self.run.traffic:
                share = self.run.traffic[meta].get(cluster.short_name, 0.0)
                parts.append(f"takes {share:.3g} % of {meta}")
            else:
                parts.append(f"governed by {meta}")
        return ", ".join(parts)

    def _removals(self) -> dict[str, str]:
        """Commands that remove clusters which the run has begun to make and which failed or were turned back."""
        if self.removals:
            return dict(self.removals)
        failed = {task.target for task in self.run.faults}
        file = shlex.quote(self.run.config_file)
        retired = {name: f"ws-deployment retire -c {file} {name}" for name in sorted(self._gone)}
        return retired | {
            task.target: task.removal
            for task in self.run.tasks.values()
            if task.removal and task.touched and task.target in failed - self._gone and task.scope == Scope.CLUSTER
        }

    def _output_folder(self) -> Path | None:
        files = [task.output for task in self.run.tasks.values() if task.output]
        return next((file.parent for file in files if file.exists()), None)

    def _cluster_as_json(self, cluster: ClusterView) -> dict[str, Any]:
        row = self._row(cluster)
        outputs = self._outputs(cluster)
        return {
            "name": self._name(cluster),
            "shortName": cluster.short_name,
            "region": cluster.region,
            "type": cluster.type,
            "governedBy": list(cluster.governed_by),
            "url": outputs.get("url"),
            "kubeconfig": outputs.get("kubeconfig"),
            "status": row.status if row else Status.WAITING,
            "step": row.current.step if row else None,
        }

    def _task_as_json(self, task: TaskView) -> dict[str, Any]:
        return {
            "task": task.key,
            "status": task.status,
            "seconds": task.seconds,
            "attempts": task.attempt if task.started else 0,
            "reason": task.reason,
            "remedy": task.remedy,
            "outputFile": str(task.output) if task.output and task.output.exists() else None,
        }


def _duration(task: TaskView | None) -> str:
    if task is None:
        return ""
    if task.status is Status.DONE or task.status.at_fault or task.status is Status.CANCELLED:
        return format_duration(task.seconds or 0.0)
    return str(task.status)

"""The story of a run for GitHub Actions: folding groups, annotations, a job summary, and outputs for later steps.

Formats: https://docs.github.com/actions/reference/workflow-commands-for-github-actions. Escaping is that of
actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.events import Event, Kind
from ws_deployment.output.advice import going_on
from ws_deployment.output.grouped import GroupedOutput
from ws_deployment.output.model import RunView, TaskView


def escape(text: str) -> str:
    """`text` as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """`text` as a property (such as `title`) of a workflow command."""
    return escape(text).replace(":", "%3A").replace(",", "%2C")


class GitHubOutput(GroupedOutput):
    """Folds as groups; an annotation for each task that went wrong; summary and outputs at the end.

    `environment` names the files for the latter: GITHUB_STEP_SUMMARY and GITHUB_OUTPUT.
    """

    name = "github"

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        super().__init__(stream)
        self._environment = environment

    def take(self, event: Event, run: RunView) -> None:
        """Keep or write what the event is worth."""
        super().take(event, run)
        if event.kind is Kind.RUN_FINISHED:
            self._annotate_run(run)
            self._append("GITHUB_STEP_SUMMARY", markdown(run))
            outputs = {name: _value(value) for name, value in outputs_of(run).items()}
            self._append("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in outputs.items()))

    def fold(self, task: TaskView, heading: str, lines: Sequence[str]) -> None:  # noqa: ARG002  the heading names it
        """Write a group; within it no line is taken for a command."""
        self.line(f"::group::{escape(heading)}")
        token = secrets.token_hex(16)
        self.line(f"::stop-commands::{token}")
        for line in lines:
            self.line(line)
        self.line(f"::{token}::")
        self.line("::endgroup::")

    def annotate(self, task: TaskView) -> None:
        """Annotate what went wrong."""
        if task.status.at_fault:
            message = f"{task.reason}\n{task.remedy}".strip()
            self.line(f"::error title={escape_property(f'{task.key} {task.status}')}::{escape(message)}")

    def ask(self, task: TaskView, lines: Sequence[str]) -> None:
        """Annotate a question: it is seen on the page of the workflow."""
        title = escape_property(f"{task.key} waits for approval")
        self.line(f"::warning title={title}::{escape(chr(10).join(lines))}")

    def safe(self, text: str) -> None:
        """Write a line that must not be taken for a command, nor begin one of the older form."""
        self.line(text.replace("##[", "# #[") if not text.startswith("::") else f"| {text}")

    def _annotate_run(self, run: RunView) -> None:
        for refusal in run.refusals:
            title = escape_property(f"{refusal['task']} refused")
            message = f"{refusal['check']}: {refusal['reason']}\n{refusal.get('remedy', '')}".strip()
            self.line(f"::error title={title}::{escape(message)}")
        if run.problem:
            message = f"{run.problem_text}\n{run.problem.get('remedy', '')}".strip()
            self.line(f"::error title={escape_property(run.fleet)}::{escape(message)}")
        if run.status.good:
            names = ", ".join(cluster.short_name for cluster in run.clusters)
            self.line(f"::notice title={escape_property(run.fleet)}::{escape(f'{names} done, run {run.run}')}")

        for what, command in going_on(run).items():
            self.line(f"::warning title={escape_property(f'{run.fleet} {run.status}')}::{escape(f'{what} {command}')}")

    def _append(self, variable: str, text: str) -> None:
        if path := self._environment.get(variable):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)


def outputs_of(run: RunView) -> dict[str, Any]:
    """What later steps of a workflow may want: `steps.ID.outputs.run` and so on. `clusters` is a JSON list."""
    return {
        "run": run.run,
        "status": run.status,
        "cluster-id": run.cluster_id,
        "clusters": [{"name": c.name, "shortName": c.short_name, "region": c.region} for c in run.clusters],
    }


def _value(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list) else str(value)


def markdown(run: RunView) -> str:
    """The run as a table in Markdown, and what went wrong below it."""
    took = format_duration(run.seconds or 0.0)
    lines = [f"### {run.fleet}: {run.status} in {took}", "", f"Cluster id {run.cluster_id}, run `{run.run}`", ""]
    if run.rows:
        lines += [f"| | {' | '.join(run.steps)} |", f"|---|{'---|' * len(run.steps)}"]
        lines += [f"| {row.name} | {' | '.join(_cell(row.task(step)) for step in run.steps)} |" for row in run.rows]
        lines.append("")
    for meta, shares in run.traffic.items():
        split = ", ".join(f"{name} {share:.3g} %" for name, share in shares.items())
        lines.append(f"Traffic of {meta}: {split}\n")
    for task in run.faults:
        lines += [f"**{task.key} {task.status}**", "", *_quoted(task.reason), *_quoted(task.remedy), ""]
    for refusal in run.refusals:
        lines += [f"**{refusal['task']} refused by {refusal['check']}**", "", *_quoted(refusal["reason"])]
        lines += [*_quoted(refusal.get("remedy", "")), ""]
    if run.problem:
        lines += [*_quoted(run.problem_text), *_quoted(run.problem.get("remedy", "")), ""]
    lines += [f"- {what} `{command}`" for what, command in going_on(run).items()]
    return "\n".join(lines) + "\n"


def _cell(task: TaskView | None) -> str:
    if task is None:
        return ""
    return f"{task.status} {format_duration(task.seconds)}" if task.seconds else str(task.status)


def _quoted(text: str) -> list[str]:
    """As a block quote of literal text: what tools say may look like Markdown or HTML."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "\\`")
    return [f"> {line}  " for line in safe.splitlines()]

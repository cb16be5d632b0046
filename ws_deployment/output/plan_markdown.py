"""A plan as GitHub-flavoured Markdown, for a comment on a pull request or a job's summary.

What comes from configs, charts and clusters is text here: it can't make links, mentions, headings, HTML, or end a
fence.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from ws_deployment.engine.outcome import Intent, Status
from ws_deployment.engine.pipeline import Task
from ws_deployment.interfaces import Change, Decision
from ws_deployment.output.glyphs import LOOKS
from ws_deployment.output.markdown import code, fenced, html_of, text_of, upright
from ws_deployment.output.page import Page
from ws_deployment.output.plan import CHANGES, PlanReport

#: Lines of a listing before the rest is only counted. GitHub takes 65,536 characters a comment.
_LINES = 200
#: What stands before a sign of an indented unified diff (`    +  a: 1`), not before an item of a YAML list.
_BEFORE_SIGN = re.compile(r"^    (?=[-+](?: {2}|[^ ]))")


def markdown(report: PlanReport, *, full: bool = False) -> str:
    """The plan; with `full` no listing is cut."""
    return "\n".join(_lines(report, full=full)) + "\n"


def _lines(report: PlanReport, *, full: bool) -> Iterator[str]:
    fleet = report.fleet
    yield f"### Plan for {code(fleet.name)} ({fleet.environment}), cluster id {fleet.cluster_id}"
    yield ""
    yield f"**{text_of(report.count(Page()))}**"
    yield ""
    yield "| cluster | name | type | region | governed by | changes |"
    yield "|---|---|---|---|---|---|"
    for cluster in fleet.workspace_clusters:
        intents = [intent for task, intent in report.planned if task.target == cluster.short_name]
        cells = (cluster.short_name, cluster.name, cluster.type, cluster.region)
        governors = ", ".join(code(governance.meta) for governance in cluster.governed_by)
        yield f"| {' | '.join(map(code, cells))} | {governors} | {_counted(intents)} |"
    for note in (*report.notes, *(f"Not asked whether names are taken: {text}" for text in report.unasked)):
        yield ""
        yield f"> {text_of(note)}"
    target = ""
    for task, intent in report.planned:
        if task.target != target:
            target = task.target
            yield ""
            yield f"#### {code(target)}"
        yield ""
        yield from _task(task, intent, full=full)


def _counted(intents: Sequence[Intent]) -> str:
    symbols = [_symbol(intent) for intent in intents]
    return " ".join(f"{code(symbol)} {symbols.count(symbol)}" for symbol in dict.fromkeys(symbols))


def _symbol(intent: Intent) -> str:
    return CHANGES[intent.plan.change][0] if intent.plan else LOOKS[intent.status].symbol


def _task(task: Task, intent: Intent, *, full: bool) -> Iterator[str]:
    if intent.plan:
        summary = intent.plan.summary
    else:
        summary = f"{intent.status}: {intent.problem.why if intent.problem else intent.reason}"
    head = f"<code>{html.escape(_symbol(intent))}</code> <b>{html_of(task.step)}</b> {html_of(summary)}"
    opened = " open" if intent.status in {Status.REFUSED, Status.FAILED} or _removes(intent) else ""
    yield f"<details{opened}><summary>{head}</summary>"
    yield ""
    if intent.problem and intent.problem.remedy:
        yield f"→ {text_of(intent.problem.remedy)}"
        yield ""
    if intent.plan and intent.plan.diff:
        yield from _fenced(intent.plan.diff, full=full)
        yield ""
    if notes := [f"- {line}" for line in _notes(intent)]:
        yield from notes
        yield ""
    yield "</details>"


def _removes(intent: Intent) -> bool:
    return bool(intent.plan and intent.plan.change is Change.DESTROY)


def _notes(intent: Intent) -> Iterator[str]:
    if content := [check.check for check in intent.checks if check.decision == Decision.PROCEED]:
        yield f"checked: {text_of(', '.join(content))}"
    for check in intent.checks:
        if check.decision == Decision.DEFERRED:
            yield f"checked later: {text_of(check.check)}: {text_of(check.reason)}"
    if intent.plan:
        for unknown in intent.plan.unknown:
            yield f"not known yet: {text_of(unknown)}"


def _fenced(diff: str, *, full: bool) -> Iterator[str]:
    """The listing in a fence that nothing in it can end; signs stand at the margin, where colours come from."""
    lines = upright(diff).splitlines()
    shown = lines if full else lines[:_LINES]
    listing = [_BEFORE_SIGN.sub("", line) for line in shown]
    if len(shown) < len(lines):
        listing.append(f"# and {len(lines) - len(shown)} lines more")
    yield from fenced("\n".join(listing), "diff")

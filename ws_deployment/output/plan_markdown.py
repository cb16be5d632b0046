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
from ws_deployment.output.glyphs import LOOKS, clean
from ws_deployment.output.page import Page
from ws_deployment.output.plan import CHANGES, PlanReport

#: Lines of a listing before the rest is only counted. GitHub takes 65,536 characters a comment.
_LINES = 200
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")
#: Characters that turn the direction of a text, by which it would read other than it is.
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
#: What stands before a sign of an indented unified diff (`    +  a: 1`), not before an item of a YAML list.
_BEFORE_SIGN = re.compile(r"^    (?=[-+](?: {2}|[^ ]))")


def markdown(report: PlanReport, *, full: bool = False) -> str:
    """The plan; with `full` no listing is cut."""
    return "\n".join(_lines(report, full=full)) + "\n"


def _lines(report: PlanReport, *, full: bool) -> Iterator[str]:
    fleet = report.fleet
    yield f"### Plan for {_code(fleet.name)} ({fleet.environment}), cluster id {fleet.cluster_id}"
    yield ""
    yield f"**{_text(report.count(Page()))}**"
    yield ""
    yield "| cluster | name | type | region | governed by | changes |"
    yield "|---|---|---|---|---|---|"
    for cluster in fleet.workspace_clusters:
        intents = [intent for task, intent in report.planned if task.target == cluster.short_name]
        cells = (cluster.short_name, cluster.name, cluster.type, cluster.region)
        governors = ", ".join(_code(governance.meta) for governance in cluster.governed_by)
        yield f"| {' | '.join(map(_code, cells))} | {governors} | {_counted(intents)} |"
    for note in (*report.notes, *(f"Not asked whether names are taken: {text}" for text in report.unasked)):
        yield ""
        yield f"> {_text(note)}"
    target = ""
    for task, intent in report.planned:
        if task.target != target:
            target = task.target
            yield ""
            yield f"#### {_code(target)}"
        yield ""
        yield from _task(task, intent, full=full)


def _counted(intents: Sequence[Intent]) -> str:
    symbols = [_symbol(intent) for intent in intents]
    return " ".join(f"{_code(symbol)} {symbols.count(symbol)}" for symbol in dict.fromkeys(symbols))


def _symbol(intent: Intent) -> str:
    return CHANGES[intent.plan.change][0] if intent.plan else LOOKS[intent.status].symbol


def _task(task: Task, intent: Intent, *, full: bool) -> Iterator[str]:
    if intent.plan:
        summary = intent.plan.summary
    else:
        summary = f"{intent.status}: {intent.problem.why if intent.problem else intent.reason}"
    head = f"<code>{html.escape(_symbol(intent))}</code> <b>{_html(task.step)}</b> {_html(summary)}"
    opened = " open" if intent.status in {Status.REFUSED, Status.FAILED} or _removes(intent) else ""
    yield f"<details{opened}><summary>{head}</summary>"
    yield ""
    if intent.problem and intent.problem.remedy:
        yield f"→ {_text(intent.problem.remedy)}"
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
        yield f"checked: {_text(', '.join(content))}"
    for check in intent.checks:
        if check.decision == Decision.DEFERRED:
            yield f"checked later: {_text(check.check)}: {_text(check.reason)}"
    if intent.plan:
        for unknown in intent.plan.unknown:
            yield f"not known yet: {_text(unknown)}"


def _fenced(diff: str, *, full: bool) -> Iterator[str]:
    """The listing in a fence that nothing in it can end; signs stand at the margin, where colours come from."""
    lines = _TURNS.sub("", clean(diff)).splitlines()
    shown = lines if full else lines[:_LINES]
    longest = max((len(run) for run in re.findall(r"`+", "\n".join(shown))), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}diff"
    for line in shown:
        yield _BEFORE_SIGN.sub("", line)
    if len(shown) < len(lines):
        yield f"# and {len(lines) - len(shown)} lines more"
    yield fence


def _line(text: str) -> str:
    return " ".join(_TURNS.sub("", clean(text)).split())


def _text(text: str) -> str:
    """Text that is nothing but text in Markdown."""
    escaped = _MARKUP.sub(r"\\\1", html.escape(_line(text), quote=False))
    return _unlinked(escaped)


def _html(text: str) -> str:
    """Text that is nothing but text within an HTML element."""
    return _unlinked(html.escape(_line(text)))


def _unlinked(text: str) -> str:
    """Without what a forge would make a mention or a link of: an empty comment takes it apart unseen."""
    return re.sub(r"(@|://|\bwww\.)", lambda match: f"{match[1][0]}<!-- -->{match[1][1:]}", text)


def _code(text: str) -> str:
    """Text in a code span, also within a table."""
    cleaned = _line(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", cleaned)), default=0) + 1)
    pad = " " if cleaned.startswith("`") or cleaned.endswith("`") else ""
    return f"{ticks}{pad}{cleaned}{pad}{ticks}" if cleaned else ""

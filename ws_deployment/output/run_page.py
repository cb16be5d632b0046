"""One run for somebody who has just been woken: where starts go, may it be left, how to go on; then the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.outcome import Status
from ws_deployment.output.advice import going_on, safety
from ws_deployment.output.gates import split
from ws_deployment.output.glyphs import LOOKS, one_line
from ws_deployment.output.judged import write_gates, write_turned_back
from ws_deployment.output.model import RowView, TaskView
from ws_deployment.output.page import Item, Page
from ws_deployment.output.runs_list import age, waits_for
from ws_deployment.output.standing import Story, moment, wait_as_json

_BAR = 20
#: Percent; what differs by less is one and the same split.
_POINT = 1.0


def write_run(page: Page, story: Story, now: float) -> Page:
    """Write it all onto a page. `now` is in seconds since the epoch."""
    _head(page, story, now)
    _traffic(page, story, now)
    page.heading("May it be left as it is?")
    page.wrapped(safety(story.view, attended=story.standing.lease is not None), "  ")
    page.heading("Next")
    for what, command in next_commands(story).items():
        page.wrapped(what, "  ")
        page.verbatim(command, 6)
    write_turned_back(page, story.view)
    write_gates(page, story.view)
    _holder(page, story, now)
    _said(page, story, now)
    for row in story.view.rows:
        _row(page, row, now)
    return page


def next_commands(story: Story) -> dict[str, str]:
    """Commands that fit how it stands, by what each is for."""
    run, view = story.standing.run, story.view
    commands = going_on(view)
    if story.undone_by and story.undone_by.finished is None:
        name = story.undone_by.id
        commands = {"it is being undone; to see how that stands:": f"ws-deployment runs show {name}"}
    elif not view.asking:  # nobody is at it, but the question is open: it can be answered before somebody goes on
        asked = [wait for wait in story.standing.waits if wait.until is None]
        which = "" if len(asked) == 1 else " --task {}"
        answers = {
            f"to say yes to {wait.task}:": f"ws-deployment runs approve {run.id}{which.format(wait.task)}"
            for wait in asked
        }
        commands = {**answers, **commands}
    if story.standing.lease is not None and view.status is Status.RUNNING:
        commands["to watch it:"] = f"ws-deployment runs watch {run.id}"
        commands["to have it stop before its next effect:"] = f"ws-deployment runs pause {run.id}"
    if run.status is Status.DONE and run.kind == "run" and story.later is None:
        commands["to undo it:"] = f"ws-deployment runs rollback {run.id}"
    commands["to read it all, with plans and times:"] = f"ws-deployment runs report {run.id} -o {run.id}.html"
    return commands


def run_as_json(story: Story) -> dict[str, Any]:
    """JSON values; documented in docs/runs.md."""
    view, lease = story.view, story.standing.lease
    holder = None
    if lease is not None:
        holder = {"who": lease.who, "host": lease.host, "pid": lease.pid, "since": moment(lease.since)}
    return {
        **story.standing.as_json(),
        "traffic": {
            meta: {
                "shares": dict(shares),
                "wanted": view.wanted.get(meta),
                "measured": view.measured.get(meta),
                "told": moment(view.traffic_at[meta]),
            }
            for meta, shares in view.traffic.items()
        },
        "gates": [gate.as_json() for gate in view.gates.values()],
        "turnedBack": [back.as_json() for back in view.turned_back],
        "laterRun": story.later.id if story.later else None,
        "undoneBy": story.undone_by.id if story.undone_by else None,
        "safety": safety(view, attended=lease is not None),
        "nextSteps": [{"what": what, "command": command} for what, command in next_commands(story).items()],
        "holder": holder,
        "tasks": [_task_as_json(task) for task in view.tasks.values()],
        "waits": [wait_as_json(wait) for wait in story.standing.waits],
        "words": [{**vars(word), "at": moment(word.at)} for word in story.words],
        "problem": dict(view.problem) or None,
    }


def _head(page: Page, story: Story, now: float) -> None:
    run = story.standing.run
    took = f" in {format_duration(story.standing.seconds)}" if story.standing.seconds is not None else ""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    begun = f"begun {age(now - run.created)}{attempt}"
    text = f"{run.fleet} ({run.environment}), id {run.cluster_id}, run {run.id}, {begun}"
    item = Item(page.glyphs.status(run.status), LOOKS[run.status].colour, f"{run.status}{took}:", indent=0)
    page.item(item, text)
    if run.of:
        page.wrapped(f"It undoes run {run.of}.", "  ")
    if story.undone_by:
        page.wrapped(f"Run {story.undone_by.id} undoes it: {story.undone_by.status}.", "  ")
    if story.view.problem:
        page.wrapped(story.view.problem_text, "  ")
        page.wrapped(str(story.view.problem.get("remedy", "")), "  " + page.glyphs.spell("→ "))


def _traffic(page: Page, story: Story, now: float) -> None:
    view = story.view
    page.heading("Where starts go, as this run left it" if story.later else "Where starts go now")
    new = {cluster.short_name for cluster in view.clusters}
    width = max(map(len, view.metas), default=0)
    for meta in view.metas:
        shares = view.traffic.get(meta)
        if shares is None:
            page.wrapped("as before: this run has moved nothing", f"  {meta:{width}}  ")
            continue
        bar = page.glyphs.bar(sum(share for name, share in shares.items() if name in new), _BAR)
        told = f"{split(shares, view.measured.get(meta), new)}  ({age(now - view.traffic_at[meta])})"
        page.wrapped(told, f"  {meta:{width}}  {bar}  ")
        if (wanted := view.wanted.get(meta)) and _differs(wanted, shares):
            page.wrapped(f"wanted: {split(wanted, first=new)}", " " * (width + _BAR + 6))
    if story.later:
        page.wrapped(f"Run {story.later.id} began later and may have moved them since.", "  ")


def _differs(wanted: Mapping[str, float], shares: Mapping[str, float]) -> bool:
    """Whether what is wanted is not what the weights come to, by more than rounding."""
    return any(abs(share - shares.get(name, 0.0)) >= _POINT for name, share in wanted.items())


def _holder(page: Page, story: Story, now: float) -> None:
    lease, run = story.standing.lease, story.standing.run
    page.heading("Who is at it")
    if lease is not None:
        text = f"{lease.who} on {lease.host}, process {lease.pid}, since {age(now - lease.since)}"
    elif run.status is Status.QUEUED or (run.detached and run.finished is None):
        text = "nobody at this moment; a worker takes it up"
    else:
        text = "nobody"
    page.wrapped(text, "  ")
    for wait in story.standing.waits:
        page.wrapped(f"{waits_for(wait, now)}, since {age(now - wait.since)}", "  ", "    ", colour="yellow")


def _said(page: Page, story: Story, now: float) -> None:
    if story.words:
        page.heading("What people said")
    for word in story.words:
        what = "approved" if word.kind == "approve" else "done by hand"
        reason = f": {word.reason}" if word.reason else ""
        page.wrapped(f"{word.task} {what}, {word.who}, {age(now - word.at)}{reason}", "  ", "    ")


def _row(page: Page, row: RowView, now: float) -> None:
    page.heading(row.name)
    width = max(len(task.step) for task in row.tasks) + 6
    for task in row.tasks:
        item = Item(page.glyphs.status(task.status), LOOKS[task.status].colour, task.step)
        page.item(item, _fate(task, now), width)
        if task.remedy:
            page.wrapped(task.remedy, " " * width + page.glyphs.spell("→ "), " " * (width + 2))
        if task.status.at_fault and task.output and task.output.exists():
            page.verbatim(f"output: {task.output}", width)


def _fate(task: TaskView, now: float) -> str:
    if task.status is Status.WAITING and not task.started:
        return "not begun"
    took = format_duration(task.elapsed(now)) if task.started else ""
    tries = f"{task.attempt} attempts" if task.attempt > 1 else ""
    about = task.reason if task.final else task.activity(now)
    return one_line(", ".join(part for part in (f"{task.status} {took}".strip(), tries, about) if part))


def _task_as_json(task: TaskView) -> dict[str, Any]:
    return {
        "task": task.key,
        "status": task.status,
        "seconds": task.seconds,
        "attempts": task.attempt if task.started else 0,
        "doing": task.doing,
        "reason": task.reason,
        "remedy": task.remedy,
        "plan": task.plan,
        "outputFile": str(task.output) if task.output and task.output.exists() else None,
    }

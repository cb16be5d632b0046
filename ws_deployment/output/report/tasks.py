"""What each task was about to do and what it came to."""

from __future__ import annotations

from collections.abc import Mapping

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.outcome import Status
from ws_deployment.output.model import RunView, TaskView
from ws_deployment.output.report.axis import clock, hour
from ws_deployment.output.report.markup import Markup, element, facts, join, table
from ws_deployment.output.report.story import TaskStory
from ws_deployment.output.report.timeline import anchor, badge


def sections(run: RunView, stories: Mapping[str, TaskStory]) -> Markup:
    """An article for each task, target by target."""
    return join(
        element(
            "section",
            element("h3", row.name),
            *(_article(task, stories.get(task.key, TaskStory(task.key))) for task in row.tasks),
        )
        for row in run.rows
    )


def plan(run: RunView, stories: Mapping[str, TaskStory]) -> Markup | None:
    """What each task was about to do, in short; None where nothing was planned."""
    rows = [
        (element("a", task.key, href=f"#{anchor(task.key)}"), told["change"], told["summary"])
        for task in run.tasks.values()
        if (told := stories.get(task.key, TaskStory(task.key)).plan)
    ]
    return table("What was planned, task by task", ("task", "change", "what"), rows) if rows else None


def _article(task: TaskView, story: TaskStory) -> Markup:
    told = story.plan
    tries = f"{task.attempt}" if task.attempt > 1 else ""
    unknown = ", ".join(told.get("unknown", ()))
    return element(
        "article",
        element("h4", task.step, " ", badge(task.status)),
        facts(
            (
                ("begun", clock(task.started) if task.started else ""),
                ("took", format_duration(task.seconds) if task.seconds and task.started else ""),
                ("attempts", tries),
                ("planned", told.get("summary", "")),
                ("change", told.get("change", "")),
                ("known later", unknown),
                ("came to", task.reason if task.reason != told.get("summary") else ""),
                ("remedy", task.remedy),
                ("to remove it", element("code", told["removal"]) if told.get("removal") else ""),
                ("full output", element("code", str(task.output)) if task.output and task.output.exists() else ""),
            )
        ),
        _checks(task, story),
        _parts(task, story),
        _retries(task, story),
        _diff(task, story),
        id=anchor(task.key),
        class_="bad" if task.status.at_fault else None,
    )


def _checks(task: TaskView, story: TaskStory) -> Markup | None:
    told = [each for each in story.checks if each["decision"] != "proceed"]
    if not told:
        return None
    rows = [(each["check"], each["decision"], each["reason"], each["remedy"]) for each in told]
    return table(f"Checks of {task.key} that did not simply pass", ("check", "verdict", "why", "remedy"), rows)


def _parts(task: TaskView, story: TaskStory) -> Markup | None:
    if len(story.parts) <= 1:
        return None
    rows = [
        (part["summary"] or part["name"], badge(Status(part["status"])), format_duration(part["seconds"]))
        for part in story.parts
    ]
    return table(f"Parts of {task.key}", ("what", "status", "took"), rows)


def _retries(task: TaskView, story: TaskStory) -> Markup | None:
    if not story.retries:
        return None
    rows = [
        (hour(at), f"{each['attempt']} of {each['attempts']}", each["error"], format_duration(each["wait"]))
        for at, each in story.retries
    ]
    return table(f"Attempts of {task.key} that failed", ("when", "attempt", "why", "next after"), rows)


def _diff(task: TaskView, story: TaskStory) -> Markup | None:
    diff = str(story.plan.get("diff", ""))
    if not diff:
        return None
    lines = [element("span", line + "\n", class_=_change(line)) for line in diff.splitlines()]
    label = f"Changes planned by {task.key}"
    shown = element("pre", *lines, tabindex="0", role="region", aria_label=label)
    return element("details", element("summary", label), shown, open=True)


def _change(line: str) -> str | None:
    mark = line.lstrip()[:1]
    return {"+": "add", "-": "del", "~": "mod"}.get(mark)

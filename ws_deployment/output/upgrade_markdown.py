"""An upgrade plan as GitHub-flavoured Markdown, for a comment on a pull request or a job's summary."""

from __future__ import annotations

from collections.abc import Iterator

from ws_deployment.output.markdown import code, fenced, text_of
from ws_deployment.releases.plan import Action, ObjectPlan, UpgradePlan
from ws_deployment.releases.words import (
    SYMBOLS,
    because,
    count,
    kept_because,
    kept_line,
    line,
    manifest,
    sign,
    title,
)


def markdown(plan: UpgradePlan) -> str:
    """The plan of one cluster."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: UpgradePlan) -> Iterator[str]:
    yield f"### {text_of(title(plan))}"
    yield ""
    yield f"**{text_of(count(plan))}**"
    for problem in plan.problems:
        yield ""
        yield f"> **refused**: {text_of(problem.on)}: {text_of(problem.why)}"
        if problem.remedy:
            yield f"> {text_of(problem.remedy)}"
    for note in plan.notes:
        yield ""
        yield f"> {text_of(note)}"
    for one in plan.objects:
        yield ""
        yield from _object(one)


def _object(one: ObjectPlan) -> Iterator[str]:
    marks = [word for word, holds in (("disruptive", one.disruptive), ("irreversible", one.irreversible)) if holds]
    marked = f" **{', '.join(marks)}**" if marks else ""
    yield f"#### {code(SYMBOLS[one.action])} {code(one.title)}{marked}"
    yield ""
    if one.replaces:
        yield f"Replaces {code(one.replaces)}."
    if one.reason:
        yield f"{text_of(one.reason)}"
    if one.owner and one.action is not Action.NONE:
        yield f"Written by {text_of(one.owner)}: use `upgrade commit`, not `upgrade apply`."
    if one.action is Action.CREATE and not one.written:
        yield ""
        yield from fenced(manifest(one), "yaml")
    if not one.changes and not one.kept:
        return
    yield ""
    yield "| | field | why |"
    yield "|---|---|---|"
    for change in one.changes:
        yield f"| {code(sign(change))} | {code(line(change))} | {text_of(because(change))} |"
    for kept in one.kept:
        yield f"| {code('=')} | {code(kept_line(kept))} | {text_of(kept_because(kept))} |"

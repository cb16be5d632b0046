"""Upgrade plans for people: what changes, by which rule, what is kept, what stands in the way."""

from __future__ import annotations

from ws_deployment.output.page import Page
from ws_deployment.releases.plan import Action, UpgradePlan
from ws_deployment.releases.words import (
    LONGEST,
    SYMBOLS,
    because,
    count,
    kept_because,
    kept_line,
    line,
    manifest,
    remarks,
    sign,
    title,
)

COLOURS = {"+": "green", "~": "yellow", "-": "red", "=": "bright_black"}


def write(page: Page, plan: UpgradePlan, *, full: bool = False) -> Page:
    """The plan of one cluster; with `full` no value is cut."""
    page.heading(f"{title(plan)}: {count(plan)}")
    for one in plan.objects:
        page.blank()
        symbol = SYMBOLS[one.action]
        page.marked(f"  {symbol}", COLOURS[symbol], f"{one.title}{remarks(one)}")
        if one.reason:
            page.wrapped(one.reason, "      ")
        if one.owner and one.action is not Action.NONE:
            page.wrapped(f"written by {one.owner}: use `upgrade commit`, not `upgrade apply`", "      ")
        if one.action is Action.CREATE and not one.written:
            page.verbatim(manifest(one), 6)
        for change in one.changes:
            mark = sign(change)
            page.marked(f"      {mark}", COLOURS[mark], line(change, None if full else LONGEST))
            page.wrapped(because(change), "          ", colour="bright_black")
        for kept in one.kept:
            page.marked("      =", COLOURS["="], kept_line(kept, None if full else LONGEST))
            page.wrapped(kept_because(kept), "          ", colour="bright_black")
    for problem in plan.problems:
        page.blank()
        page.marked("  ✗", "red", problem.on)
        page.wrapped(problem.why, "      ")
        if problem.remedy:
            page.wrapped(problem.remedy, "      → ", "        ")
    for note in plan.notes:
        page.blank()
        page.wrapped(note, "  note: ", "        ")
    return page

"""Runs as a list for people: one line each in 80 columns, and below it what it waits for or undoes."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.store import Wait
from ws_deployment.output.glyphs import LOOKS, one_line
from ws_deployment.output.page import WIDTH, Page
from ws_deployment.output.standing import Standing

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
#: Headings, and how wide each column is at least; the fleet's gets what is left.
_HEADS = ("run", "fleet", "id", "status", "begun", "took")


def write_list(page: Page, runs: Sequence[Standing], now: float) -> Page:
    """Write the runs onto a page. `now` is in seconds since the epoch."""
    rows = [list(_HEADS), *([*_cells(each, now)] for each in runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    others = sum(width + 2 for place, width in enumerate(widths) if place != 1) + 2
    widths[1] = max(min(widths[1], min(page.width, WIDTH) - others), 8)
    page.verbatim(_line(page, rows[0], widths, "  "), 0)
    for each, row in zip(runs, rows[1:], strict=True):
        status = each.run.status
        page.marked(page.glyphs.status(status), LOOKS[status].colour, _line(page, row, widths, ""))
        if each.run.of:
            page.verbatim(f"undoes {each.run.of}", 4)
        for wait in each.waits:
            page.verbatim(page.glyphs.cut(waits_for(wait, now), page.width - 4), 4)
    return page


def waits_for(wait: Wait, now: float) -> str:
    """What a task waits for, in one line."""
    if wait.until is None:
        return one_line(f"waits for approval: {wait.task}: {wait.text}")
    left = wait.until - now
    when = f"for another {format_duration(float(round(left)))}" if left > 0 else "no more: its time has come"
    return one_line(f"waits {when}: {wait.task}: {wait.text}")


def age(seconds: float) -> str:
    """How long ago, in one unit."""
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= size:
            return f"{int(seconds / size)}{unit} ago"
    return f"{max(int(seconds), 0)}s ago"


def _cells(each: Standing, now: float) -> tuple[str, ...]:
    run = each.run
    took = "" if each.seconds is None else format_duration(each.seconds)
    if each.lease is not None:
        took = format_duration(float(int(max(now - run.created, 0.0)))).replace(".0s", "s")
    return run.id, run.fleet, str(run.cluster_id), str(run.status), age(now - run.created), took


def _line(page: Page, cells: Sequence[str], widths: Sequence[int], before: str) -> str:
    shown = (f"{page.glyphs.cut(cell, width):{width}}" for cell, width in zip(cells, widths, strict=True))
    return (before + "  ".join(shown)).rstrip()

"""What there is, as people and programs see it: each cluster, who sends it users, what is on it, and orphans."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

from ws_deployment.engine.behind import Behind, age
from ws_deployment.engine.survey import Row, Survey
from ws_deployment.output.page import Page

#: What stands before what is told of a cluster below its own line.
_DETAILS = "    "


def as_json(survey: Survey) -> dict[str, Any]:
    """JSON values of all of it."""
    return {
        "fleet": survey.fleet,
        "metaClusters": [{"name": each.meta, "problem": each.problem or None} for each in survey.traffic],
        "clusters": [
            {
                "meta": row.meta,
                "name": row.registration.name,
                "url": row.registration.url,
                "share": round(row.share, 1),
                "score": row.registration.score,
                "maxScore": row.registration.max_score,
                "cordoned": not row.registration.available,
                "limited": row.registration.limited,
                "static": row.registration.static,
                "governed": row.registration.governed,
                "orphan": row.orphan or None,
                "cluster": _behind_as_json(row.behind) if row.behind else None,
            }
            for row in survey.rows
        ],
        "unregistered": [{**_behind_as_json(each), "orphan": orphan or None} for each, orphan in survey.unregistered],
        "unknown": list(survey.unknown),
    }


def write(page: Page, survey: Survey, now: datetime | None = None) -> Page:
    """All of it: a table a meta cluster, then what is registered nowhere, then what could not be asked."""
    now = now or datetime.now(UTC)
    for traffic in survey.traffic:
        page.heading(traffic.meta)
        rows = [row for row in survey.rows if row.meta == traffic.meta]
        if traffic.problem:
            page.wrapped(f"can't be asked: {traffic.problem}", "  ", colour="red")
        elif not rows:
            page.wrapped("no clusters are registered", "  ")
        else:
            _table(page, rows, now)
        if traffic.holder:
            page.wrapped(f"lock: {traffic.holder.identity}", "  ", _DETAILS)
    if survey.unregistered:
        page.heading("registered nowhere")
        for behind, orphan in survey.unregistered:
            page.wrapped(f"{behind.name}  {age(behind.created, now)}".rstrip(), "  ")
            why = f"orphan: {orphan}" if orphan else f"its run {behind.run} is at work"
            page.wrapped(why, _DETAILS, colour="yellow")
            _details(page, behind)
            if orphan and behind.folder:
                page.wrapped("if nobody needs it:", _DETAILS)
                page.verbatim(f"terraform -chdir={shlex.quote(behind.folder)} destroy", 6)
    if survey.unknown:
        page.heading("could not be asked")
        for text in survey.unknown:
            page.wrapped(text, "  ", _DETAILS)
    return page


def _table(page: Page, rows: list[Row], now: datetime) -> None:
    heads = ("CLUSTER", "STARTS", "SCORE", "STATE", "AGE", "RUN")
    cells = [
        (
            row.registration.name,
            f"{row.share:4.0f} %",
            f"{row.registration.score:5}",
            "available" if row.registration.available else "cordoned",
            age(row.behind.created, now) if row.behind else "",
            row.behind.run if row.behind else "",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for index, line in enumerate((heads, *cells)):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        page.verbatim(text.rstrip(), 2)
        if index:
            _row_details(page, rows[index - 1])


def _row_details(page: Page, row: Row) -> None:
    if row.orphan:
        page.wrapped(f"orphan: {row.orphan}", _DETAILS, _DETAILS, colour="yellow")
    there = row.registration
    flags = {
        "only some users": there.limited,
        "static": there.static,
        "not governed": not there.governed,
        f"score at most {there.max_score}": there.score > there.max_score,
        "not of this config": row.behind is None,
    }
    if any(flags.values()):
        page.wrapped(", ".join(flag for flag, holds in flags.items() if holds), _DETAILS)
    if row.behind:
        _details(page, row.behind)


def _details(page: Page, behind: Behind) -> None:
    installed = ", ".join(
        f"{release.name} {release.version}{f' (app {release.app_version})' if release.app_version else ''}"
        for release in behind.releases
    )
    parts = [*((f"fleet {behind.fleet}",) if behind.fleet else ()), *((installed,) if installed else ())]
    if parts:
        page.wrapped(": ".join(parts), _DETAILS, _DETAILS)
    if behind.problem and behind.there is not False:
        page.wrapped(f"can't be asked: {behind.problem}", _DETAILS, _DETAILS, colour="yellow")


def _behind_as_json(behind: Behind) -> dict[str, Any]:
    return {
        "name": behind.name,
        "shortName": behind.short_name,
        "exists": behind.there,
        "problem": behind.problem or None,
        "run": behind.run or None,
        "fleet": behind.fleet or None,
        "created": behind.created or None,
        "releases": [
            {
                "name": release.name,
                "namespace": release.namespace,
                "chart": release.chart,
                "version": release.version,
                "appVersion": release.app_version,
            }
            for release in behind.releases
        ],
        "folder": behind.folder or None,
    }

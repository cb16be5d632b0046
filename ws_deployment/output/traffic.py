"""Traffic as people and programs see it: scores, cordons and shares, and what was before the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ws_deployment.engine.meta_memory import Remembered, Weight
from ws_deployment.engine.traffic_restore import Restoration
from ws_deployment.engine.traffic_view import MetaTraffic
from ws_deployment.output.page import Page

#: Version of the JSON that `traffic restore --from` reads.
FORMAT = 1


def as_json(fleet: str, traffic: Sequence[MetaTraffic]) -> dict[str, Any]:
    """JSON values of all of it."""
    return {"version": FORMAT, "fleet": fleet, "metaClusters": [_meta_as_json(each) for each in traffic]}


def write(page: Page, traffic: Sequence[MetaTraffic]) -> Page:
    """All of it, a part a meta cluster."""
    for each in traffic:
        page.heading(each.meta)
        if each.problem:
            page.wrapped(f"can't be asked: {each.problem}", "  ", colour="red")
        elif not each.registrations:
            page.wrapped("no clusters are registered", "  ")
        else:
            page.columns([("CLUSTER", "STARTS", "SCORE", "STATE"), *_rows(each)])
        if each.holder:
            page.wrapped(f"lock: {each.holder.identity}, last renewed {each.holder.renewed[:19]}", "  ", "    ")
        if each.unrecorded:
            page.wrapped(f"recorded: nothing; {each.unrecorded}", "  ", "    ")
        elif each.recorded:
            page.wrapped(f"recorded before run {each.recorded[0].run}, {each.recorded[0].when}:", "  ", "    ")
            page.columns(_recorded(each.recorded[0]), indent=4)
    return page


def write_restorations(page: Page, wanted: Sequence[Restoration]) -> Page:
    """What a restoration would write, in order."""
    for each in wanted:
        page.heading(f"{each.meta.name}: as it was ({each.source.text})")
        for text in each.way.refusals:
            page.wrapped(f"refused: {text}", "  ", "    ", colour="red")
        for write_ in each.way.writes:
            page.wrapped(str(write_), "  ")
        if not each.way.writes:
            page.wrapped("nothing to write: it is so already", "  ")
        for text in each.way.notes:
            page.wrapped(f"note: {text}", "  ", "    ", colour="yellow")
        split = ", ".join(f"{name} {share:.0f} %" for name, share in each.way.shares.items() if share)
        page.wrapped(f"starts then: {split or 'nowhere'}", "  ", "    ")
    return page


def restorations_as_json(wanted: Sequence[Restoration], *, done: bool) -> list[dict[str, Any]]:
    """JSON values of what is, or was, written."""
    return [
        {
            "meta": each.meta.name,
            "source": each.source.text,
            "writes": [
                {"cluster": write_.cluster, "property": write_.property, "value": write_.value}
                for write_ in each.way.writes
            ],
            "notes": list(each.way.notes),
            "refusals": list(each.way.refusals),
            "shares": {name: round(share, 1) for name, share in each.way.shares.items()},
            "done": done,
        }
        for each in wanted
    ]


def _meta_as_json(each: MetaTraffic) -> dict[str, Any]:
    return {
        "name": each.meta,
        "problem": each.problem or None,
        "registrations": [
            {
                **Weight.of(registration).as_json(),
                "governed": registration.governed,
                "share": round(each.shares[registration.name], 1),
            }
            for registration in each.registrations
        ],
        "holder": {"identity": each.holder.identity, "since": each.holder.since, "renewed": each.holder.renewed}
        if each.holder
        else None,
        "recorded": [remembered.as_json() for remembered in each.recorded],
        "unrecorded": each.unrecorded or None,
    }


def _rows(each: MetaTraffic) -> list[tuple[str, ...]]:
    return [
        (
            registration.name,
            f"{each.shares[registration.name]:4.0f} %",
            _score(registration.score, registration.max_score),
            ", ".join(
                (
                    "available" if registration.available else "cordoned",
                    *(("static",) if registration.static else ()),
                    *(() if registration.governed else ("not governed",)),
                )
            ),
        )
        for registration in each.registrations
    ]


def _recorded(remembered: Remembered) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (weight.name, _score(weight.score, weight.max_score), "cordoned" if weight.cordoned else "available")
        for weight in remembered.weights
    ]
    return rows or [("no clusters were registered",)]


def _score(score: int, most: int) -> str:
    return f"{score:3}" if score <= most else f"{score:3}, at most {most}"

"""`upgrade schedule`, `status`, `cancel`: upgrades that are carried out later."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ws_deployment.cli.options import AsJson, StateServer, state_at
from ws_deployment.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from ws_deployment.engine.schedules import Asked, Schedules
    from ws_deployment.releases.calendar.freezes import Freeze
    from ws_deployment.releases.plan import UpgradePlan

#: Schedules that ended are shown by `status` for this long, in seconds.
_RECENT = 7 * 86400.0
_HOW = "Call `ws-deployment upgrade due` every few minutes, from cron or CI: it announces and carries out what is due."


def schedule_command(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="What `upgrade plan --out` wrote, reviewed.")],
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="A time with its zone, like 2026-11-28T02:00+01:00.")
    ] = "",
    window: Annotated[
        str,
        typer.Option(metavar="WINDOW", help='The next opening of a window, like "Sat 02:00-05:00 Europe/Berlin".'),
    ] = "",
    grace: Annotated[
        str, typer.Option(metavar="DURATION", help="How late it may begin, with --at; later it counts as missed.")
    ] = "30m",
    ahead: Annotated[str, typer.Option(metavar="DURATION", help="How long ahead it is announced.")] = "15m",
    notify: Annotated[
        list[str] | None,
        typer.Option(metavar="VARIABLE", help="An environment variable of `upgrade due` that holds a webhook's URL."),
    ] = None,
    notify_format: Annotated[Literal["json", "slack"], typer.Option(help="What webhooks are sent.")] = "json",
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Have reviewed plans carried out at a time, or when a window opens next.

    At its time each is planned anew, by the answers and the definition that the reviewed plan was made with, and stops
    for a review where that plan is another. What nobody carried out in its time is told, and not done late.
    """
    from ws_deployment.engine.schedules import Schedules  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.store import Store  # noqa: PLC0415  heavy
    from ws_deployment.releases.plan_file import read  # noqa: PLC0415  loaded when used

    if bool(at) is bool(window):
        raise UsageError("scheduling", why="give either --at or --window", remedy='As --window "Sat 02:00-05:00 UTC".')
    plans = read(plan)
    how: dict[str, Any] = {
        "ahead": _seconds("--ahead", ahead),
        "notify": tuple({"variable": each, "format": notify_format} for each in notify or ()),
    }
    store = Store(state_at(state))
    try:
        schedules = Schedules(store)
        now = time.time()
        for one in plans:
            _refuse(one, schedules)
        wanted = [_asked(one, at, window, _seconds("--grace", grace), schedules.freezes(now), how) for one in plans]
        made = schedules.add_all(zip(plans, wanted, strict=True), now)
    finally:
        store.close()
    if as_json:
        print(json.dumps([one.as_json() for one in made], indent=2))
        return
    for kept in made:
        print(f"{kept.title}: {kept.when}, until {kept.until} at the latest")
    print(_HOW, file=sys.stderr)


def status_command(
    cluster: Annotated[str, typer.Argument(metavar="[CLUSTER]", help="NAME or NAMESPACE/NAME; default: all.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also those that ended more than a week ago.")] = False,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Tell how scheduled upgrades stand, the newest first, and which freezes hold or will."""
    now = time.time()
    with scheduled(state) as schedules:
        found = [
            one
            for one in (schedules.all() if schedules else [])
            if cluster in {"", one.cluster, one.cluster.partition("/")[2]}
            and (every or one.ended is None or now - one.ended < _RECENT)
        ]
        frozen = schedules.kept_freezes(now) if schedules else []
    if as_json:
        told = {"schedules": [one.as_json(now) for one in found], "freezes": [one.as_json() for one in frozen]}
        print(json.dumps(told, indent=2))
        return
    if not found:
        print("Nothing is scheduled.", file=sys.stderr)
    for one in found:
        print(f"{one.title}: {one.standing(now)}, {one.when} (by {one.who}, {one.id})")
        if one.outcome:
            print("".join(f"  {line}\n" for line in one.outcome.splitlines()), end="")
    for kept in frozen:
        print(f"{kept.freeze.cluster or 'all clusters'}: {kept.freeze} (by {kept.who}, {kept.id})")


def cancel_command(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER", help="NAME, NAMESPACE/NAME, or a schedule's id.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with it.")] = "",
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Cancel a scheduled upgrade that has not begun."""
    with scheduled(state) as schedules:
        if schedules is None:
            raise UsageError("cancelling", on=cluster, why="nothing is scheduled", remedy="See --state.")
        found = schedules.cancel(cluster, reason, time.time())
    print(json.dumps(found.as_json()) if as_json else f"{found.title}: cancelled")


@contextlib.contextmanager
def scheduled(server: str) -> Iterator[Schedules | None]:
    """What is scheduled in a state; None where nobody has written to it."""
    from ws_deployment.engine.schedules import Schedules  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy

    place = state_at(server)
    if not place.exists:
        yield None
        return
    with opened(place) as store:
        yield Schedules(store)


def _refuse(plan: UpgradePlan, schedules: Schedules) -> None:
    """Refuse what could not be carried out, and a cluster that has a schedule, before anything is kept."""
    name = f"{plan.namespace}/{plan.cluster}"
    if plan.problems or plan.questions:
        why = plan.problems[0].why if plan.problems else "it asks what nobody has answered"
        raise RefusedError("scheduling the upgrade of", on=name, why=why, remedy="Plan again.")
    owned = next((one for one in plan.objects if one.owner), None)
    if owned is not None:
        why, remedy = f"{owned.title} is written by {owned.owner}", "Commit it: ws-deployment upgrade commit."
        raise RefusedError("scheduling the upgrade of", on=name, why=why, remedy=remedy)
    if any((one.management, one.cluster) == (plan.management, name) for one in schedules.open()):
        remedy = "See `ws-deployment upgrade status`; `upgrade cancel` makes room."
        raise RefusedError("scheduling the upgrade of", on=name, why="one is scheduled already", remedy=remedy)


def _asked(plan: UpgradePlan, at: str, window: str, grace: float, freezes: list[Freeze], how: dict[str, Any]) -> Asked:
    """When it shall be: raises RefusedError where a freeze stands against it, UsageError for a time that is past."""
    from ws_deployment.engine.schedules import Asked  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.calendar.freezes import holding, next_opening  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.calendar.moment import moment  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.calendar.window import Opening, Window  # noqa: PLC0415  loaded when used

    name, now = f"{plan.namespace}/{plan.cluster}", datetime.fromtimestamp(time.time(), UTC)
    if window:
        read = Window.parse(window)
        return Asked(window, next_opening(read, name, now, freezes), str(read.zone), **how)
    begin = moment(at)
    if begin <= now:
        raise UsageError("scheduling", on=f"--at {at}", why="it is past", remedy="To do it now: upgrade apply.")
    frozen = holding(freezes, name, begin)
    if frozen:
        remedy = "Name another time, or lift the freeze."
        raise RefusedError("scheduling the upgrade of", on=name, why=str(frozen), remedy=remedy)
    return Asked(at, Opening(begin, begin + timedelta(seconds=grace)), **how)


def _seconds(option: str, text: str) -> float:
    from ws_deployment.config.duration import parse_duration  # noqa: PLC0415  loads pydantic

    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise UsageError("scheduling", on=f"{option} {text}", why=str(error), remedy="Like 30m or 2h.") from error

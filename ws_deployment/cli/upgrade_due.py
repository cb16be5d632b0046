"""`upgrade due`: from cron or CI, announce and carry out scheduled upgrades whose time has come."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.management import Context, Kubeconfig, Label, Place, ReleasesFolder, asked_again
from ws_deployment.cli.options import AsJson, StateServer
from ws_deployment.cli.upgrade_schedule import scheduled
from ws_deployment.releases import marks

if TYPE_CHECKING:
    from ws_deployment.engine.schedules import Schedule, Schedules
    from ws_deployment.engine.upgrading import Notice
    from ws_deployment.releases.gathering import Management
    from ws_deployment.releases.plan import UpgradePlan


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what is due.")] = False,
    releases: ReleasesFolder = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    label: Label = marks.RELEASE,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Announce, carry out, and note as missed what is due; call it every few minutes.

    Any number may run: each upgrade is carried out by one. Exits with 1 where somebody has to look: one was missed,
    failed, or would be another than the one that was reviewed.
    """
    code = ExitCode.DONE
    with scheduled(state) as schedules:
        if dry_run:
            _list(schedules, as_json=as_json)
            return
        notices = carry_out(schedules, Place(releases, kubeconfig, context, label)) if schedules else []
    if as_json:
        print(json.dumps([notice.as_json() for notice in notices], indent=2))
    if not notices:
        print("nothing is due", file=sys.stderr)
    if any(notice.bad for notice in notices):
        code = ExitCode.FAILED
    if code:
        raise typer.Exit(code)


def due_upgrades(state: str) -> list[Schedule]:
    """What is due in a state."""
    with scheduled(state) as schedules:
        if schedules is None:
            return []
        from ws_deployment.engine.upgrading import due  # noqa: PLC0415  heavy

        return due(schedules, time.time())


def carry_out_upgrades(state: str) -> ExitCode:
    """Do what is due where the environment says that clusters and releases are; FAILED where somebody has to look."""
    releases = os.environ.get("WS_DEPLOYMENT_RELEASES")
    label = os.environ.get("WS_DEPLOYMENT_RELEASE_LABEL") or marks.RELEASE
    place = Place(releases=Path(releases) if releases else None, label=label)
    with scheduled(state) as schedules:
        notices = carry_out(schedules, place) if schedules else []
    return ExitCode.FAILED if any(notice.bad for notice in notices) else ExitCode.DONE


def carry_out(schedules: Schedules, place: Place) -> list[Notice]:
    """Do what is due with clusters of the management cluster at `place`; what was told, on stderr and to webhooks."""
    from ws_deployment.engine import upgrading  # noqa: PLC0415  heavy
    from ws_deployment.engine.leases import Leases  # noqa: PLC0415  heavy
    from ws_deployment.output.upgrade_notices import UpgradeNotices  # noqa: PLC0415  heavy

    webhooks = UpgradeNotices()
    held = Leases(schedules.store.engine)

    def tell(notice: Notice) -> None:
        print(notice.text, file=sys.stderr, flush=True)
        webhooks.tell(notice)

    try:
        return upgrading.carry_out(schedules, held, _Upgrading(place), tell, time.time)
    finally:
        held.close()
        for warning in webhooks.close():
            print(f"warning: {warning}", file=sys.stderr)


def _list(schedules: Schedules | None, *, as_json: bool) -> None:
    from ws_deployment.engine.upgrading import due  # noqa: PLC0415  heavy

    now = time.time()
    found = due(schedules, now) if schedules else []
    if as_json:
        print(json.dumps([one.as_json(now) for one in found], indent=2))
        return
    for one in found:
        print(f"{one.title}: {one.standing(now)}, {one.when}")
    if not found:
        print("nothing is due", file=sys.stderr)


class _Upgrading:
    """Plans and applies at the management cluster, which is asked when the first upgrade is due."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @cached_property
    def _management(self) -> Management:
        return self._place.management()

    def reaches(self, schedule: Schedule) -> bool:
        """Whether it is the management cluster of that schedule."""
        return schedule.management in {"", self._management.uid}

    def replan(self, plan: UpgradePlan) -> UpgradePlan:
        """What the plan would be now, by the answers and the definition that it was made with."""
        from ws_deployment.releases.planning import plan_upgrade  # noqa: PLC0415  loaded when used

        name, space, to = plan.cluster, plan.namespace, plan.to_version
        present, wanted = asked_again(plan.asked)
        return plan_upgrade(self._management, name, space, to, present=present, wishes=wanted)

    def apply(self, plan: UpgradePlan) -> None:
        """Carry out exactly that plan; what was done of it already is not done again."""
        from ws_deployment.releases.applying import apply_plan  # noqa: PLC0415  loaded when used

        name = f"{plan.namespace}/{plan.cluster}"
        apply_plan(self._management, plan, lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True))

"""`upgrade apply`, `upgrade show-plan`: carry out saved plans, or look at them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ws_deployment.cli.management import Context, Kubeconfig, Label, Place, ReleasesFolder
from ws_deployment.cli.options import AsJson, StateServer
from ws_deployment.cli.upgrade_alone import alone
from ws_deployment.cli.upgrade_shown import Form, Shown, UpgradeFormat
from ws_deployment.errors import WsDeploymentError
from ws_deployment.releases import marks

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="What `upgrade plan --out` wrote.")]


def command(
    plan: PlanFile,
    releases: ReleasesFolder = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    label: Label = marks.RELEASE,
    despite_freeze: Annotated[bool, typer.Option("--despite-freeze", help="Also where upgrades are frozen.")] = False,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Do what saved plans say, cluster by cluster, and nothing else.

    Exits with 4, having touched nothing of the cluster in question, when live objects have moved since; with 3 for
    what is paused, under way, frozen, or written by Flux or Argo CD. A plan that was cut short is gone on with. What
    was scheduled for a cluster is cleared when it is done.
    """
    from ws_deployment.releases.applying import apply_plan  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.plan_file import read  # noqa: PLC0415  loaded when used

    plans = read(plan)
    management = Place(releases, kubeconfig, context, label).management()
    done: list[dict[str, Any]] = []
    try:
        with alone(state, despite_freeze=despite_freeze) as only:
            for one in plans:
                name = f"{one.namespace}/{one.cluster}"

                def tell(line: str, name: str = name) -> None:
                    print(f"{name}: {line}", file=sys.stderr, flush=True)

                with only(one) as cleared:
                    applied = apply_plan(management, one, tell)
                for schedule in cleared:
                    tell(f"what was scheduled for it is cleared ({schedule.to_version}, {schedule.when})")
                done.append({"cluster": name, "to": one.to_version, "written": list(applied.written)})
                if not as_json:
                    many = len(applied.written)
                    print(f"{name} is to become {one.to_version}: {many} object{'s' * (many != 1)} written")
    except WsDeploymentError:
        left = [f"{one.namespace}/{one.cluster}" for one in plans[len(done) + 1 :]]
        if left:
            print(f"Not begun: {', '.join(left)}.", file=sys.stderr)
        raise
    finally:
        if as_json:
            print(json.dumps(done, indent=2))


def show(
    plan: PlanFile,
    form: Form = UpgradeFormat.TEXT,
    full: Annotated[bool, typer.Option("--full", help="Don't cut long values.")] = False,
) -> None:
    """Print saved plans. They are read, and nothing else."""
    from ws_deployment.releases.plan_file import read  # noqa: PLC0415  loaded when used

    shown = Shown(form, full=full)
    for one in read(plan):
        shown.one(one)
    shown.end()

"""`upgrade apply`, `upgrade show-plan`: carry out saved plans, or look at them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ws_deployment.cli.management import Context, Kubeconfig, Label, Place, ReleasesFolder
from ws_deployment.cli.options import AsJson
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
    as_json: AsJson = False,
) -> None:
    """Do what saved plans say, cluster by cluster, and nothing else.

    Exits with 4, having touched nothing of the cluster in question, when live objects have moved since; with 3 for
    what is paused, under way, or written by Flux or Argo CD. A plan that was cut short is gone on with.
    """
    from ws_deployment.releases.applying import apply_plan  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.plan_file import read  # noqa: PLC0415  loaded when used

    plans = read(plan)
    management = Place(releases, kubeconfig, context, label).management()
    done: list[dict[str, Any]] = []
    try:
        for one in plans:
            name = f"{one.namespace}/{one.cluster}"

            def tell(line: str, name: str = name) -> None:
                print(f"{name}: {line}", file=sys.stderr, flush=True)

            applied = apply_plan(management, one, tell)
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

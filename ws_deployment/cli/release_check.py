"""`release check`: which clusters no longer fit the release that they are of."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from ws_deployment.cli.detailed_exitcode import CHANGES, DetailedCommand, DetailedExitcode, ended
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.management import Context, Kubeconfig, Label, Namespace, Place, ReleasesFolder, split_name
from ws_deployment.cli.options import AsJson
from ws_deployment.errors import UsageError
from ws_deployment.releases import marks

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=DetailedCommand)
def command(
    clusters: Annotated[list[str] | None, typer.Argument(metavar="CLUSTER…", help="NAME or NAMESPACE/NAME.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All clusters of the management cluster.")] = False,
    releases: ReleasesFolder = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "default",
    label: Label = marks.RELEASE,
    as_json: AsJson = False,
    detailed_exitcode: DetailedExitcode = False,
) -> None:
    """Tell which clusters no longer fit their release, and in which fields. Changes nothing.

    Exits with 1 when a cluster could not be judged.
    """
    place = Place(releases, kubeconfig, context, label)
    names = [split_name(one, namespace) for one in clusters or ()]
    if bool(names) is every:
        raise UsageError("checking", why="name clusters, or give --all", remedy="As `release check --all`.")
    ended(lambda: _check(place, names, as_json=as_json, detailed=detailed_exitcode), detailed=detailed_exitcode)


def _check(place: Place, names: list[tuple[str, str]], *, as_json: bool, detailed: bool) -> int:
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.releases import fit_as_json, write_fit  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.planning import fit, fit_all  # noqa: PLC0415  loaded when used

    management = place.management()
    found = (fit(management, name, space) for space, name in names) if names else fit_all(management)
    unfit = unknown = 0
    told = []
    for one in found:
        unfit += one.plan is not None and not one.plan.empty
        unknown += bool(one.problem)
        if as_json:
            told.append(fit_as_json(one))
        else:
            print(write_fit(Page.for_stream(sys.stdout), one).text(), end="", flush=True)
    if as_json:
        print(json.dumps(told, indent=2))
    if unknown:
        return ExitCode.FAILED
    return CHANGES if unfit and detailed else ExitCode.DONE

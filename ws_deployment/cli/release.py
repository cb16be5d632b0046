"""`release`: what releases there are, what is in them, what differs, and which clusters no longer fit theirs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.lazy import Lazy, LazyGroup
from ws_deployment.cli.management import Context, Kubeconfig, Place, ReleasesFolder
from ws_deployment.cli.options import AsJson, wants_colour

if TYPE_CHECKING:
    from ws_deployment.releases.loader import Loaded


class ReleaseCommands(LazyGroup):
    """The commands of releases."""

    lazy = {  # noqa: RUF012  the annotation stands in LazyGroup
        "list": Lazy("ws_deployment.cli.release:list_command", "List releases, and from where each is upgraded to."),
        "show": Lazy("ws_deployment.cli.release:show", "Show a release: its resources, what an upgrade may change."),
        "diff": Lazy("ws_deployment.cli.release:diff", "Say what differs between two releases."),
        "validate": Lazy("ws_deployment.cli.release:validate", "Tell all faults of the files of a release."),
        "check": Lazy("ws_deployment.cli.release_check:app", "Tell which clusters no longer fit their release."),
        "schema": Lazy("ws_deployment.cli.release:schema", "Print the JSON Schema of the files of releases."),
    }


app = typer.Typer(
    cls=ReleaseCommands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def release() -> None:
    """Releases of workload clusters: in a folder, or in ConfigMaps of the management cluster."""


def list_command(
    releases: ReleasesFolder = None, kubeconfig: Kubeconfig = None, context: Context = None, as_json: AsJson = False
) -> None:
    """List releases, the newest last."""
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.releases import list_as_json, write_list  # noqa: PLC0415  loaded when used

    found = Place(releases, kubeconfig, context).catalogue()
    if as_json:
        print(json.dumps(list_as_json(found), indent=2))
    elif found.releases:
        print(write_list(Page.for_stream(sys.stdout), found).text(), end="")
    else:
        print(f"no release in {found.source}", file=sys.stderr)


def show(
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    releases: ReleasesFolder = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_json: AsJson = False,
) -> None:
    """Show a release."""
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.releases import release_as_json, write_release  # noqa: PLC0415  loaded when used

    found = Place(releases, kubeconfig, context).catalogue().get(version)
    if as_json:
        print(json.dumps(release_as_json(found), indent=2))
    else:
        print(write_release(Page.for_stream(sys.stdout), found).text(), end="")


def diff(
    one: Annotated[str, typer.Argument(metavar="VERSION")],
    other: Annotated[str, typer.Argument(metavar="VERSION")],
    releases: ReleasesFolder = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs between two releases: their resources' defaults, and what an upgrade may change."""
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.releases import write_differences  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.release_diff import differences  # noqa: PLC0415  loaded when used

    catalogue = Place(releases, kubeconfig, context).catalogue()
    found = list(differences(catalogue.get(one), catalogue.get(other)))
    if as_json:
        print(json.dumps([each.as_json() for each in found], indent=2))
    else:
        print(write_differences(Page.for_stream(sys.stdout), found).text(), end="")


def validate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of one release, or with one folder a release.")],
    as_json: AsJson = False,
) -> None:
    """Tell all faults of the files of a release, each with its place and remedy. Exits with 2 where there are any."""
    from ws_deployment.config.faults import render, to_json  # noqa: PLC0415  loaded when used

    loaded = _loaded(folder)
    told = [fault for one in loaded for fault in (*one.faults, *one.warnings)]
    valid = all(one.release for one in loaded)
    if as_json:
        print(json.dumps({"valid": valid, "faults": to_json(told)}, indent=2))
    elif told:
        print(render(told, colour=wants_colour(sys.stdout)))
    if not valid:
        raise typer.Exit(ExitCode.USAGE)
    if not as_json:
        for one in loaded:
            version = one.release.version if one.release else ""
            print(f"{one.source} is valid: release {version}")


def schema() -> None:
    """Print the JSON Schema of the files of releases, for editors."""
    from ws_deployment.releases.json_schema import json_schema  # noqa: PLC0415  loaded when used

    print(json.dumps(json_schema(), indent=2))


def _loaded(folder: Path) -> list[Loaded]:
    """The release of a folder, or those of the folders in it."""
    from ws_deployment.releases.loader import load_folder, release_folders  # noqa: PLC0415  loaded when used

    try:
        below = release_folders(folder)
    except OSError:
        below = []  # that it can't be read is told as a fault
    return [load_folder(one) for one in below] if below else [load_folder(folder)]

"""`upgrade commit`: write saved plans into the git repository that holds the clusters' resources."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.options import AsJson

if TYPE_CHECKING:
    from ws_deployment.releases.repository.commit import Change

_SHORT = 12


def command(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="What `upgrade plan --out` wrote.")],
    repo: Annotated[
        str,
        typer.Option(
            envvar="WS_DEPLOYMENT_REPOSITORY",
            metavar="URL",
            help="The repository. A password goes into the variable, or better into git's own credential helper.",
        ),
    ],
    branch: Annotated[str, typer.Option(metavar="NAME", help="The branch that is made and pushed.")],
    base: Annotated[
        str, typer.Option(metavar="REF", help="Where the branch begins; default: the repository's default branch.")
    ] = "",
    path: Annotated[
        str, typer.Option(metavar="PATH", help="The file or folder in the repository that is searched; default: all.")
    ] = "",
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="The commit's message.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    as_json: AsJson = False,
) -> None:
    """Commit what plans change to a branch of the repository, and push it: only the lines that change.

    Nothing is forced: a branch that holds something else is refused (3), one that holds this change is left as it is.
    Exits with 3 too, naming file and line, for what is not there, has drifted apart, or can't be changed safely.
    """
    from ws_deployment.releases.plan_file import read  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.repository.commit import Target, commit  # noqa: PLC0415  loaded when used

    change = commit(read(plan), Target(repo, branch, base, path), message=message, dry_run=dry_run)
    if as_json:
        print(json.dumps(change.as_json(), indent=2))
    else:
        _tell(change, dry_run=dry_run)


def _tell(change: Change, *, dry_run: bool) -> None:
    base, commit = change.base[:_SHORT], change.commit[:_SHORT]
    if not change.files:
        print(f"Nothing to change: the repository says so already, at {base}.")
        return
    if dry_run:
        print(change.diff, end="")
        what = f"{change.branch} holds this already, at {commit}" if change.before else "Nothing was pushed"
        print(f"{change.stat}\n{what}.", file=sys.stderr)
        return
    print(f"{change.branch} is at {commit}{' already' if change.before else f', upon {base}'}")
    print(change.stat)
    for line in change.said:
        print(line, file=sys.stderr)

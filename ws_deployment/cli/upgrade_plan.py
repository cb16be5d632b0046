"""`upgrade plan`: what would change if clusters went to a release; kept for `upgrade apply`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.detailed_exitcode import CHANGES, DetailedCommand, DetailedExitcode, ended
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.management import (
    Answers,
    Context,
    DefinitionFile,
    Kubeconfig,
    Label,
    Namespace,
    Place,
    ReleasesFolder,
    asked,
    split_name,
    wishes,
)
from ws_deployment.cli.upgrade_shown import Form, Shown, UpgradeFormat
from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.releases import marks

if TYPE_CHECKING:
    from ws_deployment.releases.plan import UpgradePlan

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=DetailedCommand)
def command(
    clusters: Annotated[list[str] | None, typer.Argument(metavar="CLUSTER…", help="NAME or NAMESPACE/NAME.")] = None,
    to: Annotated[str, typer.Option("--to", metavar="VERSION", help="The release.")] = "",
    present: Annotated[
        str, typer.Option("--from", metavar="VERSION", help="The present release, if it is not that of the label.")
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="All clusters that may go to it; without --to, to fit their own release.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the plans for `upgrade apply`.")] = None,
    form: Form = UpgradeFormat.TEXT,
    answer: Answers = None,
    definition: DefinitionFile = None,
    releases: ReleasesFolder = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "default",
    label: Label = marks.RELEASE,
    full: Annotated[bool, typer.Option("--full", help="Don't cut long values.")] = False,
    detailed_exitcode: DetailedExitcode = False,
) -> None:
    """Say what would change if clusters went to a release: each field, and which rule says so. Changes nothing.

    Exits with 3 when something stands in the way; such a plan is shown, not kept.
    """
    names = [split_name(one, namespace) for one in clusters or ()]

    def work() -> int:
        _check_usage(names, to, present, every=every)
        place = Place(releases, kubeconfig, context, label)
        planned = _planned(place, names, to, present, answer, definition)
        return _show(planned, out, Shown(form, full=full), detailed=detailed_exitcode)

    ended(work, detailed=detailed_exitcode)


def _check_usage(names: list[tuple[str, str]], to: str, present: str, *, every: bool) -> None:
    why = ""
    if bool(names) is every:
        why = "name clusters, or give --all"
    elif names and not to:
        why = "the release is missing: give --to VERSION"
    elif every and present:
        why = "with --all every cluster is of the release that its label names"
    if why:
        raise UsageError("planning upgrades", why=why, remedy="As `upgrade plan my-cluster --to 25.1.0`.")


def _planned(
    place: Place,
    names: list[tuple[str, str]],
    to: str,
    present: str,
    answer: list[str] | None,
    definition: Path | None,
) -> Iterator[UpgradePlan | RefusedError]:
    from ws_deployment.releases.planning import plan_all, plan_upgrade  # noqa: PLC0415  loaded when used

    wanted, how = wishes(definition, answer), asked(definition, answer, present)
    management = place.management()
    planned = (
        (plan_upgrade(management, name, space, to, present=present, wishes=wanted) for space, name in names)
        if names
        else plan_all(management, to, wishes=wanted)
    )
    return (one if isinstance(one, RefusedError) else replace(one, asked=how) for one in planned)


def _show(planned: Iterable[UpgradePlan | RefusedError], out: Path | None, shown: Shown, *, detailed: bool) -> int:
    """Print plans as they come, and keep those that can be applied; the exit code."""
    from ws_deployment.releases import plan_file  # noqa: PLC0415  loaded when used

    seen = Seen()
    applicable = seen.applicable(planned, shown)
    try:
        kept = sum(1 for _ in (plan_file.write(out, applicable) if out else applicable))
    finally:
        shown.end()
    if out:
        _tell_kept(out, kept, seen.bad)
    if not seen.clusters:
        print("No cluster may go there.", file=sys.stderr)
    if seen.bad:
        return ExitCode.REFUSED
    return CHANGES if detailed and seen.changing else ExitCode.DONE


def _tell_kept(out: Path, kept: int, bad: list[str]) -> None:
    if bad:
        print(f"Not kept, because it can't be carried out: {', '.join(bad)}.", file=sys.stderr)
    if kept:
        print(f"{kept} kept in {out}. Carry out: ws-deployment upgrade apply {out}", file=sys.stderr)
    else:
        out.unlink(missing_ok=True)


class Seen:
    """What has been planned so far: how many clusters, how many of them change, which can't be upgraded."""

    def __init__(self) -> None:
        self.clusters = self.changing = 0
        self.bad: list[str] = []

    def applicable(self, planned: Iterable[UpgradePlan | RefusedError], shown: Shown) -> Iterator[UpgradePlan]:
        """Print plans as they come, and hand on those that there is something to apply of."""
        for one in planned:
            self.clusters += 1
            if isinstance(one, RefusedError):
                print(f"error: {one}", file=sys.stderr)
                self.bad.append(one.on.removeprefix("cluster "))
                continue
            shown.one(one)
            self.changing += not one.empty
            if one.problems:
                self.bad.append(f"{one.namespace}/{one.cluster}")
            elif not one.empty:
                yield one

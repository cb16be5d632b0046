"""`--detailed-exitcode` of commands that plan: 0 nothing to do, 2 changes, and every fault, usage included, is 1."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ws_deployment.cli.exit_codes import ExitCode, of
from ws_deployment.errors import WsDeploymentError

CHANGES = 2
_OPTION = "--detailed-exitcode"

DetailedExitcode = Annotated[
    bool, typer.Option(_OPTION, help="End with 0 when there is nothing to do, 2 for changes, 1 for any fault.")
]


class DetailedCommand(TyperCommand):
    """With --detailed-exitcode a command line at fault ends with 1, because 2 says that there are changes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        detailed = _OPTION in args
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if detailed and getattr(error, "exit_code", None) == ExitCode.USAGE:
                error.exit_code = ExitCode.FAILED  # type: ignore[attr-defined]  # the library's usage errors have it
            raise


def ended(work: Callable[[], int], *, detailed: bool) -> None:
    """Do `work`, which gives an exit code, CHANGES among them where `detailed`; end the command by it."""
    try:
        code = work()
    except WsDeploymentError as error:
        if not detailed:
            raise
        print(f"error: {error}", file=sys.stderr)
        code = of(error)
    except typer.Exit as end:
        code = end.exit_code
    else:
        if code == CHANGES:
            raise typer.Exit(code)
    if code:
        raise typer.Exit(ExitCode.FAILED if detailed else code)

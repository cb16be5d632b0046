"""The program: its commands, and what a user sees of an error."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ws_deployment import __version__
from ws_deployment.cli.exit_codes import ExitCode, of
from ws_deployment.cli.lazy import Lazy, LazyGroup
from ws_deployment.errors import WsDeploymentError


class Commands(LazyGroup):
    """The commands of the program."""

    lazy = {  # noqa: RUF012  the annotation stands in LazyGroup
        "validate": Lazy("ws_deployment.cli.validate:command", "Tell all faults of a config."),
        "plan": Lazy("ws_deployment.cli.plan:app", "Say what a run would do; --out keeps it for apply."),
        "show-plan": Lazy("ws_deployment.cli.show_plan:command", "Print a saved plan."),
        "apply": Lazy("ws_deployment.cli.apply:command", "Do what a saved plan says, and nothing else."),
        "run": Lazy("ws_deployment.cli.run:command", "Roll out a config's clusters; --dry-run only plans."),
        "retire": Lazy("ws_deployment.cli.retire:command", "Remove an old cluster when nobody works on it any more."),
        "runs": Lazy("ws_deployment.cli.runs:app", "Look at runs, resume, approve, roll back."),
        "status": Lazy("ws_deployment.cli.status:command", "Show clusters: traffic, versions, owners, orphans."),
        "traffic": Lazy("ws_deployment.cli.traffic:app", "Show who takes starts; restore weights without a journal."),
        "due": Lazy("ws_deployment.cli.due:command", "From cron: go on with runs whose time has come."),
        "worker": Lazy("ws_deployment.cli.worker:command", "Carry out what detached runs left."),
        "release": Lazy("ws_deployment.cli.release:app", "Releases of workload clusters: list, show, validate, check."),
        "upgrade": Lazy("ws_deployment.cli.upgrade:app", "Bring clusters to another release by a reviewed diff."),
        "steps": Lazy("ws_deployment.cli.steps:app", "List installed steps and their parameters."),
        "schema": Lazy("ws_deployment.cli.schema:command", "Print the JSON Schema of the config."),
        "config": Lazy("ws_deployment.cli.config:app", "Show a config with everything it extends."),
        "doctor": Lazy(
            "ws_deployment.cli.doctor:command", "Check programs, credentials, rights, endpoints; read-only."
        ),
        "lab": Lazy("ws_deployment.cli.lab:app", "Real control planes on this machine."),
        "completion": Lazy("ws_deployment.cli.completion:command", "Print the completion script of a shell."),
    }


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"ws-deployment {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Blue/green for whole Kubernetes clusters.

    A config names the clusters that shall exist. A run makes fresh ones beside the old, proves them alive, registers
    them, and moves traffic to them step by step.
    """


def main() -> None:
    """Run the program; the entry point."""
    if sys.platform == "win32":
        sys.exit("ws-deployment needs Linux or macOS; on Windows run it in WSL.")
    try:
        app(prog_name="ws-deployment")
    except WsDeploymentError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(of(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output is gone: nothing is left to say, and closing stdout again would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.FAILED)


if __name__ == "__main__":
    main()

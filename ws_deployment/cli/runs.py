"""`runs`: runs that were begun, to be looked at, gone on with, undone."""

from __future__ import annotations

import typer

from ws_deployment.cli.lazy import Lazy, LazyGroup


class Runs(LazyGroup):
    """The commands about runs."""

    lazy = {  # noqa: RUF012  the annotation stands in LazyGroup
        "list": Lazy("ws_deployment.cli.runs_look:list_command", "List runs, the newest first."),
        "show": Lazy("ws_deployment.cli.runs_look:show_command", "Show how a run stands and how to go on."),
        "events": Lazy("ws_deployment.cli.runs_look:events_command", "Tell what happened in a run; --follow."),
        "watch": Lazy("ws_deployment.cli.runs_watch:command", "Watch a run live, and end as it ends."),
        "report": Lazy("ws_deployment.cli.runs_look:report_command", "Write a run as one HTML file."),
        "resume": Lazy("ws_deployment.cli.runs_go_on:resume_command", "Go on with an unfinished run."),
        "retry": Lazy("ws_deployment.cli.runs_go_on:retry_command", "Carry out again what failed."),
        "rollback": Lazy("ws_deployment.cli.runs_go_on:rollback_command", "Undo what a run did."),
        "pause": Lazy("ws_deployment.cli.runs_ask:pause_command", "Stop a run before its next effect."),
        "cancel": Lazy("ws_deployment.cli.runs_ask:cancel_command", "End a run where it stands."),
        "approve": Lazy("ws_deployment.cli.runs_ask:approve_command", "Say yes to what a run waits for."),
        "mark-done": Lazy("ws_deployment.cli.runs_ask:mark_done_command", "Say that a task was done by hand."),
        "recover": Lazy("ws_deployment.cli.runs_recover:command", "Rebuild a run whose state is lost."),
        "prune": Lazy("ws_deployment.cli.runs_look:prune_command", "Forget runs that ended long ago."),
    }


app = typer.Typer(
    cls=Runs,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def group() -> None:
    """Runs that were begun: look at them, go on with them, undo them."""

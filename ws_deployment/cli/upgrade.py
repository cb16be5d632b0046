"""`upgrade`: bring clusters from one release to the next by a reviewed diff."""

from __future__ import annotations

import typer

from ws_deployment.cli.lazy import Lazy, LazyGroup


class UpgradeCommands(LazyGroup):
    """The commands of upgrades."""

    lazy = {  # noqa: RUF012  the annotation stands in LazyGroup
        "plan": Lazy("ws_deployment.cli.upgrade_plan:app", "Say what would change, field by field and why."),
        "show-plan": Lazy("ws_deployment.cli.upgrade_apply:show", "Print saved plans."),
        "apply": Lazy("ws_deployment.cli.upgrade_apply:command", "Do what a plan says, and nothing else."),
        "commit": Lazy("ws_deployment.cli.upgrade_commit:command", "Write a plan into git, as a branch for a review."),
        "schedule": Lazy("ws_deployment.cli.upgrade_schedule:schedule_command", "Have a plan carried out later."),
        "status": Lazy("ws_deployment.cli.upgrade_schedule:status_command", "Tell what is scheduled and frozen."),
        "cancel": Lazy("ws_deployment.cli.upgrade_schedule:cancel_command", "Cancel what is scheduled."),
        "freeze": Lazy("ws_deployment.cli.upgrade_freeze:command", "Let nothing be upgraded for some time."),
        "due": Lazy("ws_deployment.cli.upgrade_due:command", "From cron: carry out upgrades whose time has come."),
    }


app = typer.Typer(
    cls=UpgradeCommands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def upgrade() -> None:
    """Bring clusters from one release to the next by a reviewed diff."""

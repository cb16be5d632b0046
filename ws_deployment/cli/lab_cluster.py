"""`ws-deployment lab cluster`: hands its arguments to the lab's own command line."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def cluster(context: typer.Context) -> None:
    """Create or delete one cluster of the lab."""
    from ws_deployment.lab.command_line import carry_out  # noqa: PLC0415  only when called

    carry_out(context.args, "ws-deployment lab cluster")

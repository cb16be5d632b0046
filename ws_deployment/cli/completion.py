"""`completion`: the script that makes a shell complete commands and options."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def command(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell to complete in.")]) -> None:
    """Print the completion script of a shell.

    For bash: ws-deployment completion bash > ~/.local/share/bash-completion/completions/ws-deployment
    """
    from typer._completion_shared import get_completion_script  # noqa: PLC0415  only here

    variable = "_WS_DEPLOYMENT_COMPLETE"
    print(get_completion_script(prog_name="ws-deployment", complete_var=variable, shell=shell))

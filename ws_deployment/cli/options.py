"""Options that several commands have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Annotated

import typer

#: Names the config where `--config` does not.
CONFIG_VARIABLE = "WS_DEPLOYMENT_CONFIG"


def default_config() -> Path:
    """The config that is read when none is named: `$HOME/ws-deployment.yaml`."""
    return Path("~/ws-deployment.yaml").expanduser()


ConfigPath = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        default_factory=default_config,
        show_default="$HOME/ws-deployment.yaml",
        metavar="FILE",
        help="The config.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


def wants_colour(stream: IO[str]) -> bool:
    """Whether to write colours to `stream`; NO_COLOR and FORCE_COLOR decide where they are set (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")

"""`validate`: every fault of a config at once. Reads files only; nothing outside is asked."""

from __future__ import annotations

import json
import sys

import typer

from ws_deployment.cli.config_file import judge
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, ConfigPath, wants_colour
from ws_deployment.config.faults import render, to_json
from ws_deployment.config.v1 import ConfigV1


def command(config: ConfigPath, as_json: AsJson = False) -> None:
    """Tell all faults of a config, each with its place and remedy. Exits with 2 where there are any."""
    document = judge(config)
    told = [*document.faults, *document.warnings]
    if as_json:
        print(json.dumps({"valid": document.config is not None, "faults": to_json(told)}, indent=2))
    elif told:
        print(render(told, colour=wants_colour(sys.stdout)))
    if document.config is None:
        raise typer.Exit(ExitCode.USAGE)
    if not as_json:
        print(f"{config} is valid: {_summary(document.config)}")


def _summary(config: ConfigV1) -> str:
    counts = [
        (len(config.workspace_clusters), "workspace cluster"),
        (len(config.meta_clusters), "meta cluster"),
        (len(config.pipeline), "step"),
    ]
    return ", ".join(f"{number} {word}{'s' * (number != 1)}" for number, word in counts)

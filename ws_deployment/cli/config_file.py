"""Reads the config for a command, judged by all rules: its own, those of names, those of what is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import wants_colour
from ws_deployment.cli.plugin_rules import check_plugins
from ws_deployment.config.document import Document
from ws_deployment.config.faults import render
from ws_deployment.config.loader import load
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.fleet.rules import check_names


def judge(path: Path) -> Document:
    """The config at `path` with all that is wrong with it. Never raises for what stands in the file."""
    return load(path, rules=(check_names, check_plugins))


def require(path: Path) -> tuple[ConfigV1, Document]:
    """The config at `path` for a command that needs a valid one; faults and warnings go to stderr.

    Raises typer.Exit with the code for a config at fault.
    """
    document = judge(path)
    if document.faults or document.warnings:
        print(render([*document.faults, *document.warnings], colour=wants_colour(sys.stderr)), file=sys.stderr)
    if document.config is None:
        raise typer.Exit(ExitCode.USAGE)
    return document.config, document

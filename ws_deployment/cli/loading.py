"""Loads the config for a command: all faults of the document, its rules and its steps' parameters told at once."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import typer
from pydantic import ValidationError

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.config.document import Document
from ws_deployment.config.faults import Fault, render
from ws_deployment.config.loader import faults_of, load
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine.pipeline import ConfiguredStep, PipelineFault, configure


@dataclass(frozen=True)
class Loaded:
    """A config without faults, and its steps."""

    document: Document
    config: ConfigV1
    steps: tuple[ConfiguredStep, ...]


def load_config(path: Path) -> Loaded:
    """The config at `path`. Tells faults on stderr and ends the command with 2 where there are any."""
    document = load(path)
    steps: tuple[ConfiguredStep, ...] = ()
    faults = list(document.faults)
    if document.config:
        steps, wrong = configure(document.config)
        faults += [fault for one in wrong for fault in _located(one, document)]
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if faults or document.warnings:
        print(render([*faults, *document.warnings], colour=colour), file=sys.stderr)
    if faults or document.config is None:
        raise typer.Exit(ExitCode.USAGE)
    return Loaded(document, document.config, steps)


def _located(fault: PipelineFault, document: Document) -> list[Fault]:
    if isinstance(fault.error, ValidationError):
        return faults_of(fault.error, document, fault.path)
    return [document.fault(fault.path, fault.error.why, fault.error.remedy)]

"""`doctor`: what a run of a config needs, and whether it is there."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, ConfigPath, wants_colour

_SIGNS = {"ok": ("✓", "32"), "warning": ("!", "33"), "fault": ("✗", "31")}


def command(config: ConfigPath, as_json: AsJson = False) -> None:
    """Check what a run needs: programs, credentials, rights, quota, bridges. Changes nothing.

    Exits with 1 where something is at fault.
    """
    from ws_deployment.engine.deployment import Request  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.diagnosis import diagnose  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.state import State  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import state_path  # noqa: PLC0415  loaded when used

    read, _ = require(config)
    findings = []
    colour = wants_colour(sys.stdout)
    for finding in diagnose(Request(read, config, (), State(state_path()))):
        findings.append(finding)
        if as_json:
            continue
        sign, code = _SIGNS[finding.health]
        print(f"\x1b[{code}m{sign}\x1b[0m" if colour else sign, f"{finding.subject}: {finding.text}")
        if finding.remedy:
            print(f"    {finding.remedy}")
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.health == "fault" for finding in findings):
        raise typer.Exit(ExitCode.FAILED)

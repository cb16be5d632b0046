"""`status`: each cluster, who sends it users, what is on it, whose it is. Asks the world; needs no journal."""

from __future__ import annotations

import json
import sys

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, ConfigPath, StateServer, state_at


def command(config: ConfigPath, as_json: AsJson = False, state: StateServer = "") -> None:
    """Show each cluster: its meta cluster, share of starts, versions, age, owning run, whether it is an orphan.

    Works without a state store. Exits with 1 when a meta cluster can't be asked.
    """
    from ws_deployment.engine.survey import survey  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.traffic_view import onlooker  # noqa: PLC0415  loaded when used
    from ws_deployment.output import status as output  # noqa: PLC0415  loaded when used
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used

    read, _ = require(config)
    where = state_at(state)
    found = survey(read, onlooker(read, config, where.folder, name="status"), where)
    if as_json:
        print(json.dumps(output.as_json(found), indent=2))
    else:
        print(output.write(Page.for_stream(sys.stdout), found).text(), end="")
    if any(each.problem for each in found.traffic):
        raise typer.Exit(ExitCode.FAILED)

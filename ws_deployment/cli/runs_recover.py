"""`runs recover`: rebuild a run whose state is lost."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.options import AsJson, ConfigPath, StateServer, state_for


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The whole id, as `status` shows it for a cluster.")],
    config: ConfigPath,
    cluster_id: Annotated[int | None, typer.Option(min=1, max=999, help="Id of its clusters; default: found.")] = None,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Rebuild a run from the marks on what it made, when the state that knew it is lost.

    Each task that is found to hold counts as done. Nothing is changed but the state; go on with resume or rollback.
    """
    from ws_deployment.engine.deployment import Request  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.pipeline import configure  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.recovery import recover  # noqa: PLC0415  loaded when used

    read, _ = require(config)
    request = Request(read, config, configure(read), state_for(state, read, config), cluster_id)
    found, tasks = recover(request, run, lambda line: print(line, file=sys.stderr))
    if as_json:
        print(json.dumps({"run": found.id, "clusterId": found.cluster_id, "tasks": tasks}))
        return
    done = sum(status.good for status in tasks.values())
    print(f"run {found.id} (id {found.cluster_id}) is back: {done} of {len(tasks)} tasks are done")
    print(f"go on with it: ws-deployment runs resume {found.id}")
    print(f"or undo it:    ws-deployment runs rollback {found.id}   (weights: ws-deployment traffic restore)")

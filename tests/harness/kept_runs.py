"""A state with runs in it, as runs of the program would have left them, without carrying anything out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import event_streams as streams

from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Run, Store


def keep(folder: Path, story: streams.Story | None = None, status: Status = Status.DONE, **values: Any) -> Run:
    """Keep a run with a story's events in the state in `folder`, and return it."""
    story = story or streams.good()
    events = story.events(values.pop("until", float("inf")))
    fields: dict[str, Any] = {
        "id": streams.RUN,
        "fleet": "demo-staging",
        "environment": "staging",
        "cluster_id": 17,
        "kind": "run",
        "of": "",
        "key": None,
        "status": status,
        "wanted": "",
        "detached": False,
        "attempt": 1,
        "last_seq": 0,
        "created": events[0].at,
        "finished": events[-1].at if status in {Status.DONE, Status.FAILED, Status.CANCELLED} else None,
        **values,
    }
    run = Run(**fields)
    store = Store(State(folder))
    store.begin(run, {"tasks": [task["key"] for task in events[0].data.get("tasks", ())]})
    store.add_events(run.id, [replace(event, run=run.id) for event in events])
    store.close()
    return run


def held(folder: Path, run: str) -> subprocess.Popen[str]:
    """A process that holds the lease of a run until its stdin is closed."""
    script = (
        "import sys; from pathlib import Path; from ws_deployment.engine.leases import Leases;"
        "from ws_deployment.engine.state import State; from ws_deployment.engine.store import Store;"
        "store = Store(State(Path(sys.argv[1]))); leases = Leases(store.engine);"
        "leases.acquire(sys.argv[2], ['run/' + sys.argv[2]]); print('held', flush=True); sys.stdin.read();"
        "leases.close()"
    )
    argv: Sequence[str] = [sys.executable, "-c", script, str(folder), run]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "held\n"
    return child

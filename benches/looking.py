"""`runs list` with 1,000 runs in the state beside the same with 10, and beside the program's `--help`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from rows import Row, interleaved

from ws_deployment.engine.database import runs
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store

#: What a run's record and its events take in a real rollout of two clusters, roughly.
RECORD = '{"tasks":[]' + " " * 8000 + "}"
EVENT = '{"kind":"task.progress"' + " " * 300 + "}"
EVENTS = 60


def fill(home: Path, count: int) -> None:
    """A state with that many runs, each with events; two of them unfinished."""
    store = Store(State(home / "ws-deployment"))
    rows, events = [], []
    for number in range(count):
        name = f"20261121-{number:06}-7f3a"
        rows.append(
            {
                "id": name,
                "fleet": f"fleet-{number % 5}",
                "environment": "staging",
                "cluster_id": number,
                "kind": "run",
                "of": "",
                "key": None,
                "status": "done" if number > 1 else "interrupted",
                "wanted": "",
                "detached": False,
                "attempt": 1,
                "last_seq": EVENTS,
                "created": 1795252533.0 + number,
                "finished": 1795253533.0 + number if number > 1 else None,
                "record": RECORD,
            }
        )
        events += [{"run": name, "seq": seq, "event": EVENT} for seq in range(1, EVENTS + 1)]
    with store.engine.begin() as connection:
        connection.execute(runs.insert(), rows)
        connection.exec_driver_sql("INSERT INTO wsd_events VALUES (?, ?, ?)", [tuple(each.values()) for each in events])
    store.close()


def rows() -> list[Row]:
    program = str(Path(sys.executable).with_name("ws-deployment"))
    with tempfile.TemporaryDirectory() as folder:
        commands = {"help": [program, "--help"]}
        for name, count in (("ten", 10), ("thousand", 1000)):
            home = Path(folder) / name
            fill(home, count)
            commands[name] = ["env", f"XDG_STATE_HOME={home}", program, "runs", "list"]
            commands[f"{name} failed"] = [*commands[name], "--status", "interrupted"]
        taken = interleaved(commands, times=15, env=dict(os.environ))
    return [
        Row("runs list, 1000 runs", 1000 * taken["thousand"], "10 runs", 1000 * taken["ten"], "ms", limit=1.5),
        Row(
            "runs list --status, 1000 runs",
            1000 * taken["thousand failed"],
            "10 runs",
            1000 * taken["ten failed"],
            "ms",
            limit=1.5,
        ),
        Row("runs list, 10 runs", 1000 * taken["ten"], "--help", 1000 * taken["help"], "ms"),
    ]

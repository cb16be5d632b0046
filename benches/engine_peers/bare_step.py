"""200 bare steps of DBOS on SQLite (WAL, JSON) or BENCH_DATABASE: milliseconds a step, after 200 others."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time

from dbos import DBOS, DBOSConfig
from dbos._serialization import DBOSPortableJSONSerializer

STEPS = 200
DATABASE = os.environ.get("BENCH_DATABASE", "").replace("postgresql:", "postgresql+psycopg:")


@DBOS.workflow(name="bare")
def bare() -> float:
    started = time.perf_counter()
    for number in range(STEPS):
        DBOS.run_step({"name": f"step/{number}"}, lambda: {"status": "done"})
    return 1000 * (time.perf_counter() - started) / STEPS


with tempfile.TemporaryDirectory() as folder:
    with sqlite3.connect(f"{folder}/state.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    DBOS(
        config=DBOSConfig(
            name="bare",
            system_database_url=DATABASE or f"sqlite:///{folder}/state.db",
            application_version="1",
            executor_id="bare",
            serializer=DBOSPortableJSONSerializer(),
            enable_otlp=False,
            log_level="CRITICAL",
        )
    )
    DBOS.launch()
    bare()
    print(json.dumps({"milliseconds": bare()}))
    DBOS.destroy()

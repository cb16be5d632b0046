"""Workflows of one bare step each, through DBOS's own queue on PostgreSQL, taken by this process: milliseconds each."""

from __future__ import annotations

import json
import os
import time

from dbos import DBOS, DBOSConfig
from dbos._serialization import DBOSPortableJSONSerializer

WORKFLOWS = int(os.environ["BENCH_TASKS"])


@DBOS.workflow(name="bare")
def bare(number: int) -> dict[str, str]:
    return DBOS.run_step({"name": f"step/{number}"}, lambda: {"status": "done"})


DBOS(
    config=DBOSConfig(
        name="bare",
        system_database_url=os.environ["BENCH_DATABASE"].replace("postgresql:", "postgresql+psycopg:"),
        application_version="1",
        executor_id="bare",
        serializer=DBOSPortableJSONSerializer(),
        enable_otlp=False,
        log_level="CRITICAL",
    )
)
DBOS.listen_queues(["bare"])
DBOS.launch()
DBOS.register_queue("bare", polling_interval_sec=0.1)
time.sleep(1.5)  # until the library has begun to look into the queue
started = time.perf_counter()
handles = [DBOS.enqueue_workflow("bare", bare, number) for number in range(WORKFLOWS)]
for handle in handles:
    handle.get_result(polling_interval_sec=0.1)
print(json.dumps({"milliseconds": 1000 * (time.perf_counter() - started) / WORKFLOWS}))
DBOS.destroy()

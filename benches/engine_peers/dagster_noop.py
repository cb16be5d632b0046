"""100 ops of dagster that do nothing, in process, one after the other: milliseconds an op."""

from __future__ import annotations

import json
import logging
import time

from dagster import In, Nothing, Out, job, op

OPS = 100
logging.disable(logging.CRITICAL)


@op(ins={"before": In(Nothing)}, out=Out(Nothing))
def nothing() -> None:
    pass


@job
def chain() -> None:
    last = nothing.alias("nothing_0")()
    for number in range(1, OPS):
        last = nothing.alias(f"nothing_{number}")(last)


started = time.perf_counter()
assert chain.execute_in_process().success
print(json.dumps({"milliseconds": 1000 * (time.perf_counter() - started) / OPS}))

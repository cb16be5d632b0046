"""200 operations of pyinfra that change nothing, on @local: milliseconds an operation."""

from __future__ import annotations

import json
import time

from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.operations import python

OPERATIONS = 200


def nothing() -> None:
    pass


state = State(Inventory((["@local"], {})), Config())
connect_all(state)
started = time.perf_counter()
for number in range(OPERATIONS):
    add_op(state, python.call, name=f"nothing {number}", function=nothing)
run_ops(state)
print(json.dumps({"milliseconds": 1000 * (time.perf_counter() - started) / OPERATIONS}))

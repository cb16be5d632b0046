"""What another cluster costs an offline dry run: from 1 to 100 clusters."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import Row
from startup import config_of

SIZES = (1, 20, 100)
TIMES = 3


def rows() -> list[Row]:
    program = str(Path(sys.executable).with_name("ws-deployment"))
    taken: dict[int, list[float]] = {size: [] for size in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"XDG_STATE_HOME": folder, "HOME": folder, "CLOUDSDK_CONFIG": folder, "NO_GCE_CHECK": "true"}
        env["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        for _ in range(TIMES):
            for size in SIZES:
                argv = [
                    program,
                    "run",
                    "-c",
                    str(config_of(Path(folder), size)),
                    "--dry-run",
                    "--cluster-id",
                    "17",
                    "--json",
                ]
                started = time.perf_counter()
                subprocess.run(argv, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                taken[size].append(time.perf_counter() - started)
    small, middle, large = (statistics.median(taken[size]) for size in SIZES)
    early = 1000 * (middle - small) / (SIZES[1] - SIZES[0])
    late = 1000 * (large - middle) / (SIZES[2] - SIZES[1])
    return [Row("offline plan, a cluster more (20 → 100)", late, "a cluster more (1 → 20)", early, "ms", limit=1.2)]

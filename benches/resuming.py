"""How long a killed run of 200 tasks takes from `runs resume` to its first new task, beside a bare import of DBOS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import Row

CLUSTERS, STEPS = 25, 8
#: Tasks that are done when the run is killed.
DONE = 100
TIMES = 7

STEP = """
import time
from ws_deployment.interfaces import Change, IStep, Parameters, StepPlan

class Nothing(IStep[Parameters]):
    summary = "does nothing, in 20 ms"

    def plan(self, context):
        return StepPlan("nothing", Change.NONE)

    def run(self, context, subtask):
        time.sleep(0.02)
"""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        environment = _plugin(home)
        config = home / "config.yaml"
        config.write_text(json.dumps(_config()), encoding="utf-8")
        killed = _killed(home, config, environment)
        resumed, bare = [], []
        for number in range(TIMES):
            state = home / f"state-{number}"
            shutil.copytree(killed, state)
            bare.append(_seconds([sys.executable, "-c", "import dbos"]))
            resumed.append(_first_task(environment | {"XDG_STATE_HOME": str(state)}))
        return [
            Row(
                f"resume of {CLUSTERS * STEPS} tasks, {DONE} done, to the first new one",
                1000 * statistics.median(resumed),
                "import dbos",
                1000 * statistics.median(bare),
                "ms",
            )
        ]


def _plugin(home: Path) -> dict[str, str]:
    """A package with a step that does nothing, as if it were installed."""
    info = home / "plugin" / "bench_nothing-1.dist-info"
    info.mkdir(parents=True)
    (home / "plugin" / "bench_nothing.py").write_text(STEP, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-nothing\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[ws_deployment.steps]\nnothing = bench_nothing:Nothing\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(home / "plugin")}


def _config() -> dict[str, object]:
    clusters = [
        {"name": f"cluster-{n}", "prefix": f"{chr(97 + n)}x", "region": "europe-west1", "governedBy": "meta"}
        for n in range(CLUSTERS)
    ]
    return {
        "version": "v1",
        "environment": "staging",
        "project": "bench",
        "metaClusters": [{"name": "meta", "region": "europe-west1", "type": "existing"}],
        "workspaceClusters": [
            {**cluster, "type": "existing", "create": False, "context": "none"} for cluster in clusters
        ],
        "pipeline": [{"step": "nothing", "name": f"nothing-{n}"} for n in range(STEPS)],
    }


def _killed(home: Path, config: Path, environment: dict[str, str]) -> Path:
    """The state that a run leaves which is killed when so many tasks are done."""
    state = home / "state"
    command = ["ws-deployment", "run", "-c", str(config), "--json"]
    with subprocess.Popen(
        _ours(command),
        env=environment | {"XDG_STATE_HOME": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        done = 0
        for line in process.stdout:
            done += json.loads(line).get("kind") == "task.finished"
            if done == DONE:
                process.send_signal(signal.SIGKILL)
                break
    return state


def _first_task(environment: dict[str, str]) -> float:
    started = time.monotonic()
    command = ["ws-deployment", "runs", "resume", "latest", "--json"]
    with subprocess.Popen(
        _ours(command), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("kind") == "subtask.started":
                took = time.monotonic() - started
                process.kill()
                return took
    sys.exit("the resumed run began nothing")


def _seconds(command: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - started


def _ours(command: list[str]) -> list[str]:
    return [str(Path(sys.executable).parent / command[0]), *command[1:]]

"""A shift that follows the metrics, on the lab: under load, and with `--sick` on a new cluster that falls ill half-way.

`make demo` and `make demo-rollback` run it. It uses the program as anybody would: its commands, its events, its exit
codes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = Path(__file__).parents[1] / "gated.yaml"
PROGRAM = [sys.executable, "-m", "ws_deployment.cli.main"]
REPORT = "demo-report.html"
RATE = os.environ.get("DEMO_RATE", "10")
#: How a run ends that was turned back.
TURNED_BACK = 7


def main() -> int:
    """Run it; 0 when it ended as it should."""
    sick = "--sick" in sys.argv[1:]
    with load():
        time.sleep(3)  # the old cluster has a record before traffic moves
        code = run(sick=sick)
    subprocess.run([*PROGRAM, "runs", "report", "latest", "-o", REPORT], check=True)
    print(f"report: {REPORT}")
    if sick and code == TURNED_BACK:
        print("turned back, as it should: the sick cluster is cordoned, the old one takes all starts")
        return 0
    return 1 if sick and code == 0 else code


@contextmanager
def load() -> Iterator[None]:
    """Users that start workspaces all the while."""
    argv = [*PROGRAM, "lab", "load", "--rate", RATE, "--lifetime", "5"]
    with Path("demo-load.log").open("w", encoding="utf-8") as log:
        users = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        yield
    finally:
        users.send_signal(signal.SIGINT)
        users.wait()


def run(*, sick: bool) -> int:
    """A rollout; the story goes to stderr, the events come here."""
    argv = [*PROGRAM, "run", "-c", str(CONFIG), "--yes", "--json"]
    rollout = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert rollout.stdout
    new = ""
    for line in rollout.stdout:
        event = json.loads(line)
        if event["kind"] == "run.started":
            new = event["data"]["clusters"][0]["shortName"]
        elif sick and event["kind"] == "subtask.started" and event["data"]["name"] == "50%/watch":
            print(f"demo: 40 % of the starts on {new} fail from now on", file=sys.stderr)
            subprocess.run([*PROGRAM, "lab", "fault", new, "--start-failures", "0.4"], check=True)
    return rollout.wait()


if __name__ == "__main__":
    sys.exit(main())

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
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = Path(__file__).parents[1] / "gated.yaml"
PROGRAM = [sys.executable, "-m", "ws_deployment.cli.main"]
REPORT = "demo-report.html"
RATE = os.environ.get("DEMO_RATE", "20")
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
    new, before, count = "", {}, counts()
    for line in rollout.stdout:
        event = json.loads(line)
        stage, _, what = event["data"].get("name", "").partition("/")
        if event["kind"] == "run.started":
            new = event["data"]["clusters"][0]["shortName"]
        elif event["kind"] == "subtask.started" and what == "watch":
            before = starts(count)
            if sick and stage == "50%":
                print(f"demo: 40 % of the starts on {new} fail from now on", file=sys.stderr)
                subprocess.run([*PROGRAM, "lab", "fault", new, "--start-failures", "0.4"], check=True)
        elif event["kind"] == "subtask.finished" and what == "watch":
            came = {name: now - before.get(name, 0) for name, now in starts(count).items()}
            landed = ", ".join(f"{name} {number}" for name, number in sorted(came.items()) if number)
            print(f"demo: {sum(came.values())} workspaces started at {stage}: {landed}", file=sys.stderr)
    return rollout.wait()


def counts() -> str:
    """Where the lab's meta cluster tells how many workspaces it has started."""
    told = subprocess.run([*PROGRAM, "lab", "status", "--json"], check=True, capture_output=True, text=True).stdout
    return f"http://127.0.0.1:{json.loads(told)['metaClusters'][0]['metricsPort']}/starts"


def starts(url: str) -> dict[str, int]:
    """How many so far, by cluster."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310  of this machine
        return json.load(answer)["starts"]


if __name__ == "__main__":
    sys.exit(main())

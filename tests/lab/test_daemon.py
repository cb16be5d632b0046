"""Long-lived processes: they outlive their starter, hold nothing of it, and are never mistaken for another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from ws_deployment.errors import MissingToolError
from ws_deployment.lab import daemon
from ws_deployment.tools.files import write_json

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# Tells that it heard SIGTERM, and stays.
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"heard"))  # print can't be interrupted by print
print("up", flush=True)
while True:
    time.sleep(1)
"""


@pytest.fixture
def home() -> Path:
    """Below the test's own lab, so that what a failing test leaves is cleared."""
    from ws_deployment.lab.layout import cluster_folder  # noqa: PLC0415  the folders are the test's by now

    folder = cluster_folder("processes")
    folder.mkdir(parents=True)
    return folder


def test_outlives_its_starter_and_keeps_no_pipe_of_it_open(home: Path) -> None:
    code = (
        "import os, pathlib, sys\nfrom ws_deployment.lab import daemon\n"
        "os.set_inheritable(1, True)\nkept = os.dup(1)\nos.set_inheritable(kept, True)\n"
        f"daemon.start('sleep', {SLEEP!r}, home=pathlib.Path(sys.argv[1]))"
    )
    began = time.monotonic()
    # Returns when the last holder of the pipe has closed it: a daemon that inherits it would hold it for 600 s.
    subprocess.run([sys.executable, "-c", code, str(home)], check=True, stdout=subprocess.PIPE, timeout=60)
    assert time.monotonic() - began < 30
    found = daemon.find(home, "sleep")
    assert found is not None
    process = psutil.Process(found.pid)
    assert os.getsid(found.pid) == found.pid
    assert process.environ()[daemon.HOME_VARIABLE] == str(home)
    daemon.end_all(home)
    assert not found.alive()
    assert daemon.recorded(home) == []


def test_takes_no_secret_of_its_starter_along(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_password", "planted")
    started = daemon.start("sleep", SLEEP, home=home)
    environment = psutil.Process(started.pid).environ()
    assert "planted" not in environment.values()
    assert environment["PATH"] == os.environ["PATH"]
    assert environment["XDG_STATE_HOME"] == os.environ["XDG_STATE_HOME"]


def test_what_it_says_is_kept_privately(home: Path) -> None:
    started = daemon.start(
        "talk", [sys.executable, "-c", "import os; print(os.environ['X'], flush=True); 1/0"], home=home, env={"X": "y"}
    )
    assert daemon.wait_until(lambda: not started.alive(), timeout=90)
    assert daemon.last_lines(started, 1) == "ZeroDivisionError: division by zero"
    log = home / "logs" / "talk.log"
    assert log.read_text().startswith("y\n")
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_recycled_pid_is_not_ours(home: Path) -> None:
    started = daemon.start("sleep", SLEEP, home=home)
    earlier = replace(started, birth="an-earlier-boot:1")
    write_json(home / "processes" / "sleep.json", asdict(earlier))
    assert daemon.find(home, "sleep") is None
    daemon.end(daemon.recorded(home), grace=0)
    assert started.alive()
    # It still bears the mark of its home, by which it is found as a stray.
    assert [stray.pid for stray in daemon.strays(home)] == [started.pid]
    daemon.end_all(home)
    assert not started.alive()


def test_a_stray_of_a_neighbour_is_left_alone(home: Path) -> None:
    neighbour = home.parent / "processes-2"
    other = daemon.start("sleep", SLEEP, home=neighbour)
    daemon.end_all(home)
    assert other.alive()
    assert [stray.pid for stray in daemon.strays(home.parent)] == [other.pid]


def test_asks_first_and_then_makes_it_end(home: Path) -> None:
    deaf = daemon.start("deaf", [sys.executable, "-c", DEAF], home=home)
    assert daemon.wait_until(lambda: "up" in Path(deaf.log).read_text(), timeout=90)
    daemon.end([deaf], grace=0.5)
    assert not deaf.alive()
    assert "heard" in Path(deaf.log).read_text()


def test_ends_what_the_process_has_started(home: Path) -> None:
    code = f"import subprocess, time\nprint(subprocess.Popen({SLEEP!r}).pid, flush=True)\ntime.sleep(600)"
    parent = daemon.start("parent", [sys.executable, "-c", code], home=home)
    assert daemon.wait_until(lambda: Path(parent.log).read_text().endswith("\n"), timeout=90)
    child = int(Path(parent.log).read_text())
    daemon.end_all(home)
    assert daemon.wait_until(lambda: not psutil.pid_exists(child), timeout=90)


def test_a_missing_program_is_told(home: Path) -> None:
    with pytest.raises(MissingToolError, match="/nowhere/etcd"):
        daemon.start("etcd", ["/nowhere/etcd"], home=home)
    assert daemon.recorded(home) == []


def test_one_that_ends_as_it_begins_is_dead(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "_birth", lambda _pid: "")
    ended = daemon.start("brief", [sys.executable, "-c", ""], home=home)
    assert not ended.alive()
    daemon.end_all(home)


def test_a_half_written_record_is_none(home: Path) -> None:
    (home / "processes").mkdir()
    (home / "processes" / "etcd.json").write_text(json.dumps({"name": "etcd"})[:-3])
    assert daemon.recorded(home) == []
    assert daemon.find(home, "etcd") is None

"""`runs watch`: a run seen live from another terminal, real processes on both sides."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import event_streams as streams
from harness import gated_streams as gated
from harness.kept_runs import held, keep
from harness.program import program

from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store

pytestmark = pytest.mark.real


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "ws-deployment"


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        (streams.good, Status.DONE, 0),
        (streams.mixed, Status.FAILED, 1),
        (gated.turned_back, Status.TURNED_BACK, 7),
        (streams.interrupted, Status.INTERRUPTED, 1),
    ],
)
def test_watching_ends_as_the_run_ends(
    folder: Path, what: Callable[[], streams.Story], status: Status, code: int
) -> None:
    finished = None if status is Status.INTERRUPTED else gated.moment(900.0)
    keep(folder, what(), status, finished=finished)
    done = program("runs", "watch", "latest")
    assert done.code == code
    assert "of demo-staging: id 17" in done.err
    assert f"run {streams.RUN}" in done.out
    assert ("no process is at it" in done.err) is (status is Status.INTERRUPTED)


def test_watching_on_a_terminal_draws_the_live_view_until_the_run_ends(folder: Path) -> None:
    story = gated.under_way()
    keep(folder, story, Status.RUNNING, until=300.0)
    holder = held(folder, streams.RUN)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    unset = ("CI", "NO_COLOR", "GITHUB_ACTIONS", "GITLAB_CI", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    watcher = subprocess.Popen(
        [sys.executable, "-m", "ws_deployment.cli.main", "runs", "watch", "latest"],
        env={**kept, "XDG_STATE_HOME": str(folder.parent), "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = until(ours, "✓ pending")
    assert "of 19 done" in shown
    rest = [event for event in story.events() if event.at > gated.moment(300.0)]
    store = Store(State(folder))
    store.add_events(streams.RUN, rest)
    shown = until(ours, "! failed-stops")
    store.finish(streams.RUN, Status.TURNED_BACK)
    end = Event(streams.RUN, rest[-1].seq + 1, gated.moment(700.0), Kind.RUN_FINISHED, None, END)
    store.add_events(streams.RUN, [end])
    store.close()
    holder.communicate("", timeout=120)
    drained(ours)
    out, _ = watcher.communicate(timeout=120)
    assert watcher.returncode == 7
    assert "exit code 7" in out


END = {"status": "turned back", "seconds": 700.0}


def until(terminal: int, wanted: str) -> str:
    """What was drawn up to that, without colours and moves."""
    shown, plain, end = b"", "", time.monotonic() + 120
    while wanted not in plain:
        assert time.monotonic() < end, plain[-2000:]
        shown += os.read(terminal, 65536)
        plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", shown.decode(errors="replace"))
    return plain


def drained(terminal: int) -> None:
    """Read until the other side is closed."""
    with contextlib.suppress(OSError):  # Linux says EIO then
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def test_json_gives_the_documented_lines(folder: Path) -> None:
    keep(folder, gated.turned_back(), Status.TURNED_BACK, finished=gated.moment(900.0))
    done = program("runs", "watch", "latest", "--json")
    assert (done.code, done.err) == (7, "")
    assert done.events == [event.as_json() for event in gated.turned_back().events()]

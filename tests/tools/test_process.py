"""Running child programs to their end, whatever they do and whatever becomes of us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from ws_deployment.errors import CancelledError, MissingToolError, TransientError
from ws_deployment.tools.process import run

CHATTY = "import sys\nfor n in range(20000):\n print('out', n)\n print('err', n, file=sys.stderr)\nsys.exit(3)"
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
# A child and its own child, of which one or the other ignores SIGTERM: the group must be ended whole.
GRANDCHILD = IGNORE + "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
STUBBORN_CHILD = (
    IGNORE + "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\ntime.sleep(600)"
)
STUBBORN_GRANDCHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {GRANDCHILD!r}])"


def gone(pid: int) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_both_streams_are_kept_whole(tmp_path: Path) -> None:
    lines: list[str] = []
    done = run([sys.executable, "-c", CHATTY], log=tmp_path / "log", on_line=lines.append)
    assert done.code == 3
    assert done.stdout == "".join(f"out {n}\n" for n in range(20000))
    assert done.stderr == "".join(f"err {n}\n" for n in range(20000))
    assert len(lines) == 40000
    assert len((tmp_path / "log").read_text().splitlines()) == 40000
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_stdin_and_environment_reach_it() -> None:
    code = "import os, sys; print(sys.stdin.read(), os.environ['TOKEN'], len(os.environ) < 5)"
    assert run([sys.executable, "-c", code], stdin="hello", env={"TOKEN": "x"}).stdout == "hello x True\n"


def test_a_missing_program_is_told() -> None:
    with pytest.raises(MissingToolError, match="no-such-program"):
        run(["no-such-program"])


@pytest.mark.parametrize("code", [STUBBORN_CHILD, STUBBORN_GRANDCHILD])
@pytest.mark.parametrize("timeout", [None, 1.0])
def test_stops_the_whole_group_even_if_it_does_not_want_to(timeout: float | None, code: str) -> None:
    event, pids = threading.Event(), list[int]()

    def heard(line: str) -> None:
        pids.append(int(line))
        if timeout is None:
            event.set()

    with pytest.raises(TransientError if timeout else CancelledError):
        run([sys.executable, "-c", code], cancelled=event, timeout=timeout, grace=0.2, on_line=heard)
    assert len(pids) == 1
    assert gone(pids[0])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom ws_deployment.tools.process import run\n"
        "child = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'\n"
        f"run([sys.executable, '-c', child], on_line=lambda line: open({str(tmp_path / 'pid')!r}, 'w').write(line))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert gone(int((tmp_path / "pid").read_text()))

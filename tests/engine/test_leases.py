"""Leases: one holder at a time, ended by time, by a holder that is gone, or by being given back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ws_deployment.engine import leases
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.errors import LockedError

pytestmark = pytest.mark.real

HOLDER = """
import sys, time
from pathlib import Path
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
held = Leases(Store(State(Path(sys.argv[1]))).engine)
held.acquire("other", ["cluster/eu1"])
print("held", flush=True)
sys.stdin.readline()
print(held.check("cluster/eu1"), flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(State(tmp_path))
    yield store
    store.close()


@pytest.fixture
def other(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A process that holds cluster/eu1 for run `other`, with leases of two seconds."""
    monkeypatch.setenv(leases.TERM_VARIABLE, "2")
    command = [sys.executable, "-c", HOLDER, str(store.state.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_what_is_held_is_refused_naming_the_holder(store: Store, other: subprocess.Popen[str]) -> None:
    mine = Leases(store.engine)
    with pytest.raises(LockedError, match=f"run other .*process {other.pid}"):
        mine.acquire("mine", ["cluster/eu1", "weights/meta"])
    assert [lease.name for lease in leases.held(store.engine) if lease.run == "mine"] == []
    mine.close()


def test_a_holder_that_renews_keeps_it(store: Store, other: subprocess.Popen[str]) -> None:
    time.sleep(3)
    mine = Leases(store.engine)
    with pytest.raises(LockedError):
        mine.acquire("mine", ["cluster/eu1"])
    mine.close()
    assert other.poll() is None


def test_what_a_killed_process_held_is_taken_at_once(store: Store, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    mine = Leases(store.engine)
    mine.acquire("mine", ["cluster/eu1"])
    assert mine.check("cluster/eu1")
    mine.close()
    assert leases.held(store.engine) == []


def test_a_stopped_process_loses_it_and_knows_when_it_wakes(store: Store, other: subprocess.Popen[str]) -> None:
    os.kill(other.pid, signal.SIGSTOP)
    mine = Leases(store.engine)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            mine.acquire("mine", ["cluster/eu1"])
            break
        except LockedError:
            time.sleep(0.1)
    assert mine.check("cluster/eu1")
    assert [lease.epoch for lease in leases.held(store.engine)] == [2]
    mine.close(release=False)
    os.kill(other.pid, signal.SIGCONT)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "False\n"


def test_of_many_at_once_one_gets_it(store: Store) -> None:
    many = [Leases(store.engine) for _ in range(8)]

    def attempt(one: Leases) -> bool:
        try:
            one.acquire(f"run-{one.holder}", ["cluster/eu1", f"run/{one.holder}"])
        except LockedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, many)) == 1
    for one in many:
        one.close()


def test_what_is_left_to_a_run_is_taken_over_by_who_carries_it_on(store: Store) -> None:
    first, second, stranger = (Leases(store.engine) for _ in range(3))
    first.acquire("run-1", ["cluster/eu1"])
    first.leave(["cluster/eu1"])
    first.close()
    (left,) = leases.held(store.engine, ["cluster/eu1"])
    assert (left.pid, left.process) == (0, "")  # the end of the process that left it frees nothing
    with pytest.raises(LockedError):
        stranger.acquire("run-2", ["cluster/eu1"])
    second.acquire("run-1", ["cluster/eu1"])
    assert second.check("cluster/eu1")
    second.close()
    stranger.acquire("run-2", ["cluster/eu1"])
    stranger.close()

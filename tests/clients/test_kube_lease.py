"""A real API server; time passes as the tests say."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_lease import API_VERSION, KIND, KubeLease, LeaseHeldError, LeaseLostError, clock
from ws_deployment.errors import CancelledError
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kube(shared_cluster: LabCluster) -> Kube:
    return Kube(shared_cluster.kubeconfig)


@pytest.fixture
def name() -> str:
    return f"lease-{uuid.uuid4().hex[:8]}"


def lease(kube: Kube, name: str, identity: str, clock: Clock) -> KubeLease:
    return KubeLease(kube, name, "default", identity=identity, clock=clock, labels={"run": identity})


def test_one_holds_it_until_it_lets_go(kube: Kube, name: str) -> None:
    clock = Clock()
    a, b = lease(kube, name, "a", clock), lease(kube, name, "b", clock)
    assert a.holder() is None
    assert not a.held()
    a.acquire()
    assert a.held()
    in_the_way = b.try_acquire()
    assert in_the_way is not None
    assert (in_the_way.identity, in_the_way.labels["run"]) == ("a", "a")
    assert in_the_way.since.endswith("Z")
    a.release()
    assert not a.held()
    assert b.holder() is None
    b.acquire()
    assert b.held()
    a.release()
    assert b.holder() is not None
    document = kube.get(API_VERSION, KIND, name, "default")
    assert document is not None
    assert document["spec"]["leaseTransitions"] == 1
    assert document["metadata"]["labels"] == {"run": "b"}


@pytest.mark.parametrize("former", [None, "dead"])
def test_of_many_at_once_one_wins(kube: Kube, name: str, former: str | None) -> None:
    clock = Clock()
    if former:
        lease(kube, name, former, clock).acquire()
    many = [lease(kube, name, f"holder-{number}", clock) for number in range(8)]
    if former:
        assert all(each.try_acquire() for each in many)
        clock.now += 15.1
    start = threading.Barrier(len(many))

    def take(each: KubeLease) -> None:
        start.wait()
        each.try_acquire()

    with ThreadPoolExecutor(len(many)) as pool:
        list(pool.map(take, many))
    (winner,) = [each for each in many if each.held()]
    assert winner.holder() == many[0].holder()
    winner.renew()


def test_a_dead_ones_is_taken_over_after_its_duration_and_not_before(kube: Kube, name: str) -> None:
    clock = Clock()
    dead, next_one = lease(kube, name, "dead", clock), lease(kube, name, "next", clock)
    dead.acquire()
    assert next_one.try_acquire()
    # The holder stops trusting its lease before anybody takes it.
    clock.now += 12.1
    assert not dead.held()
    assert next_one.try_acquire()
    clock.now += 3
    assert next_one.try_acquire() is None
    assert next_one.held()
    with pytest.raises(LeaseLostError, match="next holds it since 2"):
        dead.renew()
    with pytest.raises(LeaseLostError):
        dead.renew()
    dead.release()
    assert next_one.held()
    next_one.renew()


def test_each_renewal_begins_the_wait_anew(kube: Kube, name: str) -> None:
    clock = Clock()
    alive, other = lease(kube, name, "alive", clock), lease(kube, name, "other", clock)
    alive.acquire()
    for _ in range(4):
        assert other.try_acquire()
        clock.now += 10
        alive.renew()
        assert alive.held()
    # One that slept too long but whom nobody replaced goes on.
    clock.now += 100
    assert not alive.held()
    alive.renew()
    assert alive.held()


def test_another_change_of_the_object_is_not_a_loss(kube: Kube, name: str) -> None:
    held = lease(kube, name, "a", Clock())
    held.acquire()
    found = kube.get(API_VERSION, KIND, name, "default")
    assert found is not None
    kube.replace({**found, "metadata": {**found["metadata"], "annotations": {"a": "hand"}}})
    held.renew()
    assert held.held()
    kube.delete(API_VERSION, KIND, name, "default")
    with pytest.raises(LeaseLostError, match="it was released or removed"):
        held.renew()
    assert not held.held()


def test_a_write_whose_answer_was_lost_is_found_again(kube: Kube, name: str) -> None:
    clock = Clock()
    lease(kube, name, "a", clock).acquire()
    again = lease(kube, name, "a", clock)
    again.acquire()
    assert again.held()
    again.renew()


def test_a_living_holder_is_told_of_or_waited_for(kube: Kube, name: str) -> None:
    holder = KubeLease(kube, name, "default", identity="living", duration=5)
    holder.acquire()
    stop, waited_for = threading.Event(), []

    def live() -> None:
        while not stop.wait(0.5):
            holder.renew()
        holder.release()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        other = KubeLease(kube, name, "default", identity="other", duration=5)
        with pytest.raises(LeaseHeldError, match="living holds it since") as caught:
            other.acquire(on_wait=lambda who: waited_for.append(who.identity))
        assert waited_for == ["living"]
        assert caught.value.holder.identity == "living"
        cancelled = threading.Event()
        cancelled.set()
        with pytest.raises(CancelledError, match="asked to stop while living holds it"):
            other.acquire(wait=60, cancelled=cancelled)
        other.acquire(wait=60, on_wait=lambda _who: stop.set())
        assert other.holder() is not None
    finally:
        stop.set()
        thread.join()


_HOLDER = """
import sys
from pathlib import Path
from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_lease import KubeLease, LeaseLostError
kubeconfig, name, identity = sys.argv[1:]
lease = KubeLease(Kube(Path(kubeconfig)), name, "default", identity=identity, duration=2)
lease.acquire()
print("holds", flush=True)
sys.stdin.readline()
print(lease.held(), flush=True)
try:
    lease.renew()
except LeaseLostError as error:
    print(error.why, flush=True)
"""


@contextlib.contextmanager
def holding(cluster: LabCluster, name: str, identity: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", _HOLDER, str(cluster.kubeconfig), name, identity]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holds\n"
            yield process
        finally:
            process.kill()


def test_a_killed_and_a_stopped_process_lose_it(shared_cluster: LabCluster, kube: Kube, name: str) -> None:
    other = KubeLease(kube, name, "default", identity="other", duration=2)
    with holding(shared_cluster, name, "killed") as process:
        process.kill()
        process.wait()
        in_the_way = other.try_acquire()
        assert in_the_way is not None
        assert in_the_way.identity == "killed"
        other.acquire()
        other.release()
    with holding(shared_cluster, name, "stopped") as process:
        process.send_signal(signal.SIGSTOP)
        other.acquire()
        process.send_signal(signal.SIGCONT)
        told, _ = process.communicate("wake up\n", timeout=90)
    first, second = told.splitlines()
    assert first == "False"
    assert second.startswith("other holds it since")


def test_the_clock_goes_on() -> None:
    before = clock()
    assert clock() >= before

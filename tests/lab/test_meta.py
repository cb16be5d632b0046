"""The lab's meta clusters as processes that are found again."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request

import pytest

from ws_deployment.errors import TransientError, UsageError
from ws_deployment.lab import daemon, meta
from ws_deployment.lab.meta import delete_meta, ensure_meta, list_metas, meta_endpoint, stop_meta
from ws_deployment.lab.ports import free_ports

pytestmark = pytest.mark.real


def test_runs_once_at_one_address_whatever_becomes_of_it() -> None:
    lines: list[str] = []
    first = ensure_meta("m1", on_progress=lines.append)
    assert ensure_meta("m1", on_progress=lines.append) == first
    assert lines == ["m1: starting the meta cluster's bridge"]
    assert meta_endpoint("m1") == first.endpoint
    with urllib.request.urlopen(f"http://127.0.0.1:{first.metrics_port}/metrics", timeout=90) as answer:
        assert answer.status == 200
    process = daemon.find(first.folder, "bridge")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert daemon.wait_until(lambda: not first.running(), timeout=90)
    assert ensure_meta("m1") == first
    stop_meta("m1")
    assert not first.running()
    (first.folder / "kept").write_text("x")
    other = ensure_meta("m1", "2021")
    assert (other.port, other.metrics_port, other.api) == (first.port, first.metrics_port, "2021")
    assert (first.folder / "kept").exists()
    assert list_metas() == [other]
    delete_meta("m1")
    assert list_metas() == []
    with pytest.raises(UsageError, match="ws-deployment lab up --meta m1"):
        meta_endpoint("m1")


def test_two_are_two() -> None:
    one, two = ensure_meta("m1"), ensure_meta("m2")
    assert len({one.port, two.port, one.metrics_port, two.metrics_port}) == 4
    assert one.running()
    assert two.running()


def test_another_takes_the_port_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        draws = iter([[taken, free_ports(1)[0]], [free_ports(1)[0], taken], free_ports(2)])
        monkeypatch.setattr(meta, "free_ports", lambda _count: next(draws))
        made = ensure_meta("m1")
    assert next(draws, None) is None
    assert taken not in (made.port, made.metrics_port)
    assert made.running()


def test_says_why_it_does_not_come_up() -> None:
    made = ensure_meta("m1")
    stop_meta("m1")
    (made.folder / "state.json").write_text(json.dumps({"clusters": "nonsense"}))
    with pytest.raises(TransientError, match="starting the lab's meta cluster m1") as caught:
        ensure_meta("m1")
    assert "bridge.log" in caught.value.remedy
    assert not meta.list_metas()[0].running()

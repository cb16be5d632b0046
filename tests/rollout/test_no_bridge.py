"""Rollouts without any bridge: a local HAProxy sends real HTTP requests to where its weights say."""

from __future__ import annotations

import re
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from harness.meta_context import MetaContext
from harness.program import program
from harness.proxy import PROGRAM, Proxy, proxy
from ws_deployment_steps.meta_command import CommandParameters
from ws_deployment_steps.registrars.command import CommandRegistrar
from ws_deployment_steps.routers.command import CommandRouter, CommandRouterParameters

from ws_deployment.clients.command import CommandError
from ws_deployment.interfaces import Registration, RegistrationRequest, TlsMaterial
from ws_deployment.traffic.ramp import Stage, ramp
from ws_deployment.traffic.restore import safe_writes

pytestmark = pytest.mark.real

CONFIG = PROGRAM.parents[1] / "no-bridge.yaml"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Proxy]:
    with proxy(tmp_path) as started:
        yield started


class Servers:
    """Small HTTP servers that count what comes to them, by name."""

    def __init__(self, *names: str) -> None:
        self.counted: Counter[str] = Counter()
        self.made = {name: self._serve(name) for name in names}

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.made[name].server_address[1]}"

    def close(self) -> None:
        for server in self.made.values():
            server.shutdown()
            server.server_close()

    def _serve(self, name: str) -> ThreadingHTTPServer:
        counted = self.counted

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                counted[name] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def servers() -> Iterator[Servers]:
    made = Servers("eu16", "eu17", "us17")
    yield made
    made.close()


def back_ends(folder: Path, running: Proxy) -> tuple[CommandRegistrar, CommandRouter]:
    context = MetaContext(folder, None)
    context.deadline = time.monotonic() + 250
    options = {"command": [sys.executable, str(PROGRAM)], "environment": dict(running.env)}
    return (
        CommandRegistrar(CommandParameters.model_validate(options), context.meta, context),
        CommandRouter(CommandRouterParameters.model_validate(options | {"counts_starts": True}), context.meta, context),
    )


def send(running: Proxy, count: int) -> None:
    for _ in range(count):
        with urllib.request.urlopen(running.address, timeout=10) as answer:
            assert answer.status == 204


def test_requests_follow_the_weights_and_a_restart_keeps_them(tmp_path: Path, running: Proxy, servers: Servers) -> None:
    registrar, router = back_ends(tmp_path, running)
    for name in servers.made:
        asked = RegistrationRequest(name, servers.url(name), TlsMaterial("ca", "crt", "key"))
        registrar.register(asked)
    registrar.register(asked)
    assert list(router.registrations()) == [
        Registration(name, 50, available=False, url=servers.url(name)) for name in servers.made
    ]
    with pytest.raises(urllib.error.HTTPError, match="503"):
        send(running, 1)
    for subtask in router.subtasks(ramp(["eu16"], [], router.registrations(), [100], 0)[0]):
        router.carry_out(subtask)
    before = {each.name: each for each in router.registrations()}
    assert [name for name, each in before.items() if each.available] == ["eu16"]
    for stage in ramp(["eu17", "us17"], ["eu16"], list(before.values()), [10, 100], 0, weights={"us17": 3}):
        for subtask in router.subtasks(stage):
            router.carry_out(subtask)
            send(running, 1)
        servers.counted.clear()
        counted = router.starts() or {}
        send(running, 400)
        after = router.starts() or {}
        assert {name: after[name] - counted[name] for name in after} == {n: servers.counted[n] for n in after}
        share = {name: 100 * count / 400 for name, count in servers.counted.items()}
        assert share.get("eu17", 0) == pytest.approx(stage.percent / 4, abs=1 + stage.off)
        assert share.get("us17", 0) == pytest.approx(stage.percent * 3 / 4, abs=1 + stage.off)
    now = list(router.registrations())
    running.restart()
    assert list(router.registrations()) == now
    for each in safe_writes({each.name: each for each in now}, before):
        [subtask] = router.subtasks(Stage(0.0, {}, (each,), 0.0))
        router.carry_out(subtask)
        send(running, 1)
    assert {each.name: each for each in router.registrations()} == before
    with pytest.raises(CommandError, match="eu16 takes requests; cordon it first"):
        registrar.deregister("eu16")
    registrar.cordon("eu16")
    for name in ("eu16", "eu16", "us17"):
        registrar.deregister(name)
    assert [each.name for each in router.registrations()] == ["eu17"]
    running.restart()
    assert [each.name for each in router.registrations()] == ["eu17"]


class Load:
    """Requests through the proxy, one after the other, until it is told to end; each answer tells the cluster."""

    def __init__(self, running: Proxy) -> None:
        self.answers: list[str] = []
        self._running, self._ended = running, threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _send(self) -> None:
        while not self._ended.wait(0.02):
            self.answers.append(who_answers(self._running))


def who_answers(running: Proxy) -> str:
    """The cluster whose own HTTP port a request came to: it tells its name."""
    try:
        with urllib.request.urlopen(running.address, timeout=10) as answer:
            found = re.search(r"-(eu\d+)-", answer.read().decode())
    except OSError as error:
        return str(error)
    return found[1] if found else "nobody"


@pytest.mark.timeout(600)
def test_rolls_out_twice_and_back_by_a_proxy_alone(tmp_path: Path, running: Proxy) -> None:
    shutil.copytree(PROGRAM.parent, tmp_path / "no-bridge")
    config = tmp_path / "no-bridge.yaml"
    config.write_text(CONFIG.read_text().replace("hold: 2s", "hold: 1s").replace("[10, 50, 100]", "[50, 100]"))
    first = program("run", "-c", config, "--json", "--cluster-id", "1", env=running.env)
    assert first.code == 0, first.err
    assert {who_answers(running) for _ in range(20)} == {"eu1"}
    with Load(running) as load:
        second = program("run", "-c", config, "--json", "--cluster-id", "2", env=running.env)
        time.sleep(0.5)
    assert second.code == 0, second.err
    assert set(load.answers) == {"eu1", "eu2"}
    assert load.answers[-1] == "eu2"
    assert [event["data"]["shares"] for event in second.of("traffic")][-1] == {"eu2": 100}
    with Load(running) as load:
        back = program("runs", "rollback", second.events[0]["run"], env=running.env)
        time.sleep(0.5)
    assert back.code == 0, back.err
    assert set(load.answers) == {"eu1", "eu2"}
    assert {who_answers(running) for _ in range(20)} == {"eu1"}
    shown = program("traffic", "show", "-c", config, "--json", env=running.env)
    assert shown.code == 0, shown.err
    assert '"name": "eu2"' in shown.out

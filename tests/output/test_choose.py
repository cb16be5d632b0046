from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import event_streams as streams
from harness.http_server import receiver

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Notification
from ws_deployment.engine.events import EventBus
from ws_deployment.output.choose import Format, Streams, Wishes, outputs_for, resolve


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def both(stdout: io.StringIO | None = None, stderr: io.StringIO | None = None) -> Streams:
    return Streams(stdout or io.StringIO(), stderr or io.StringIO())


@pytest.mark.parametrize(
    ("environment", "stderr", "expected"),
    [
        ({"TERM": "xterm"}, Terminal(), "live"),
        ({"TERM": "dumb"}, Terminal(), "plain"),
        ({"TERM": "xterm", "CI": "true"}, Terminal(), "plain"),
        ({}, io.StringIO(), "plain"),
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, io.StringIO(), "github"),
        ({"GITLAB_CI": "true", "CI": "true"}, io.StringIO(), "gitlab"),
    ],
)
def test_auto_is_told_by_the_surroundings(environment: dict[str, str], stderr: io.StringIO, expected: str) -> None:
    assert resolve(Format.AUTO, both(stderr=stderr), environment) == expected
    assert resolve(Format.WERFT, both(stderr=stderr), environment) == "werft"


def shown(
    form: Format, streams_: Streams, environment: dict[str, str], wishes: Wishes | None = None
) -> tuple[str, str]:
    bus = EventBus(streams.RUN)
    with outputs_for(form, bus, streams_, environment, wishes):
        for event in streams.mixed().events():
            until = {"until": time.time() + 600.0} if event.kind == "task.waiting" else {}
            bus.emit(event.kind, event.task, **{**event.data, **until})
    assert isinstance(streams_.stdout, io.StringIO)
    assert isinstance(streams_.stderr, io.StringIO)
    return streams_.stdout.getvalue(), streams_.stderr.getvalue()


@pytest.mark.parametrize(("form", "mark"), [("werft", "|PHASE]"), ("github", "::group::"), ("gitlab", "section_start")])
def test_ci_systems_read_the_story_from_stdout(form: str, mark: str) -> None:
    out, err = shown(Format(form), both(), {})
    assert mark in out
    assert err == ""


def test_plain_lines_go_to_stderr() -> None:
    out, err = shown(Format.AUTO, both(), {})
    assert out == ""
    assert "us17/alive-test failed" in err


def test_json_alone_is_on_stdout_and_the_story_beside_it() -> None:
    out, err = shown(Format.JSON, both(), {})
    assert [json.loads(line)["seq"] for line in out.splitlines()] == list(range(1, len(out.splitlines()) + 1))
    assert "us17/alive-test failed" in err
    for stdout in (Terminal(), io.StringIO()):  # on the terminal itself, and through a pipe to what may write there
        out, err = shown(Format.JSON, both(stdout=stdout, stderr=Terminal()), {"TERM": "xterm"})
        assert out.startswith('{"v":1,')
        assert err == ""


def test_json_to_a_file_has_the_live_view_beside_it(tmp_path: Path) -> None:
    stderr = Terminal()
    with (tmp_path / "events.jsonl").open("w+") as stdout:
        bus = EventBus(streams.RUN)
        with outputs_for(Format.JSON, bus, Streams(stdout, stderr), {"TERM": "xterm"}):
            for event in streams.good().events():
                bus.emit(event.kind, event.task, **event.data)
        stdout.seek(0)
        assert json.loads(stdout.readlines()[-1])["kind"] == "run.finished"
    assert "✓ 3.4s" in stderr.getvalue()


def test_a_live_view_without_colours_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for name in ("TERM", "COLORTERM"):
        monkeypatch.setenv(name, "xterm-256color")
    _, coloured = shown(Format.LIVE, both(stderr=Terminal()), {"TERM": "xterm"})
    _, plain = shown(Format.LIVE, both(stderr=Terminal()), {"TERM": "xterm", "NO_COLOR": "1"})
    assert "\x1b[32m✓" in coloured
    assert "\x1b[32m" not in plain
    assert "✗ 30s" in plain


def test_live_where_nothing_can_be_drawn_is_plain() -> None:
    _, err = shown(Format.LIVE, both(), {})
    assert "\x1b" not in err
    assert "us17/alive-test failed" in err


def test_metrics_and_notifications_as_wished(tmp_path: Path) -> None:
    with receiver() as server:
        wishes = Wishes(
            notifications=[
                Notification(url=SecretReference(variable="HOOK")),
                Notification(url=SecretReference(variable="BAD")),
            ],
            secret=lambda reference: server.url if reference.variable == "HOOK" else "nowhere",
            metrics_textfile=tmp_path / "ws.prom",
        )
        _, err = shown(Format.PLAIN, both(), {}, wishes)
    assert len(server.requests) == 4
    assert err.startswith("warning: notification 2 is left out")
    assert "ws_deployment_run_status" in (tmp_path / "ws.prom").read_text()


def test_a_terminal_that_cannot_show_the_symbols_gets_ascii() -> None:
    program = (
        "import sys; from harness import event_streams as s; from ws_deployment.engine.events import EventBus;"
        "from ws_deployment.output.choose import *; bus = EventBus(s.RUN)\n"
        "with outputs_for(Format.PLAIN, bus, Streams(sys.stdout, sys.stderr), {}):\n"
        "    for e in s.mixed().events(): bus.emit(e.kind, e.task, **e.data)"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parent.parent)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert b"move traffic from eu16 to eu17: 10 % -> 100 %" in ended.stderr


def test_choosing_plain_or_json_imports_nothing_heavy() -> None:
    program = (
        "import sys, ws_deployment.output.choose; heavy = {'rich', 'structlog', 'httpx', 'prometheus_client'};"
        "sys.exit(any(name.split('.')[0] in heavy for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

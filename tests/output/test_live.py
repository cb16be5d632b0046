from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from harness import event_streams as streams
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ws_deployment.output.glyphs import Glyphs
from ws_deployment.output.live import LiveOutput
from ws_deployment.output.live_screen import Screen, short_names

STORIES = {"good": streams.good, "mixed": streams.mixed, "many": streams.many, "refused": streams.refused}


def text(story: streams.Story, at: float, width: int, height: int, *, final: bool = False, unicode: bool = True) -> str:
    screen = Screen(streams.folded(story, at), streams.BEGIN + at, width, height, Glyphs(unicode), final)
    return "\n".join(line.plain.rstrip() for line in screen.lines())


def test_seven_steps_fit_80_columns_with_what_is_waited_for_below() -> None:
    shown = text(streams.mixed(), 30.2, 80, 24)
    assert re.search(r"create +gitpod +jaeger +monitoring +alive +register +traffic", shown)
    assert re.search(r"us17 +✓ 2.1s +✓ 3.4s +✓ 9.0s +✓ 0.8s +● 14s +·", shown)
    assert re.search(r"● us17 +alive +workspace Pod: Pending, no node matches", shown)
    assert re.search(r"● prod-meta-eu00 +traffic +2/4, hold at 10 % for 600 s, 9m39s left", shown)
    assert re.search(r"prod-meta-eu00 +██░+ +eu17 10 % +eu16 90 %", shown)
    assert "– skipped" in shown  # noqa: RUF001  the symbol's word, as the cell has no room for it


def test_a_wide_terminal_has_what_is_waited_for_beside_each_row() -> None:
    shown = text(streams.mixed(), 13, 160, 24)
    assert re.search(
        r"us17 .*● 6s #3 .* attempt 3 of 4, again in 1s: installing jaeger", text(streams.mixed(), 12.5, 160, 24)
    )
    assert "– skipped" in shown  # noqa: RUF001  as above


def test_what_does_not_fit_becomes_a_list_with_the_urgent_first() -> None:
    lines = text(streams.many(), 8, 80, 24).splitlines()
    assert len(lines) <= 24
    assert re.match(r"✗ eu102 +2/6 +jaeger +1.0s +installing on eu102: no such cha…", lines[2])
    assert re.match(r"  and \d+ more: ", lines[-1])


def test_the_last_screen_has_all_rows() -> None:
    shown = text(streams.many(), 99, 80, 10, final=True)
    assert all(f"eu{number}" in shown for number in range(100, 130))


def test_nothing_is_left_of_a_run_that_did_not_come_to_its_tasks() -> None:
    assert text(streams.refused(), -1, 80, 24) == "● starting the lab's meta cluster"
    assert text(streams.refused(), 1, 80, 24, final=True) == ""


def test_a_stream_without_unicode_gets_ascii() -> None:
    assert text(streams.mixed(), 30.2, 80, 24, unicode=False).isascii()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(STORIES)), st.floats(0, 700), st.integers(20, 200), st.integers(6, 60), st.booleans())
def test_no_screen_is_larger_than_its_terminal(name: str, at: float, width: int, height: int, unicode: bool) -> None:
    screen = Screen(streams.folded(STORIES[name](), at), streams.BEGIN + at, width, height, Glyphs(unicode))
    lines = screen.lines()
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)


def test_steps_are_shortened_only_where_they_stay_apart() -> None:
    assert list(short_names(streams.STEPS).values()) == [
        "create",
        "gitpod",
        "jaeger",
        "monitoring",
        "alive",
        "register",
        "traffic",
    ]
    assert list(short_names(["install-a", "install-b", "a-c"]).values()) == ["install-a", "install-b", "a-c"]


def test_a_narrower_terminal_leaves_no_remnants() -> None:
    """What was drawn wraps when the terminal narrows: all rows that it then takes are erased, not only its lines."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, height=24)
    output = LiveOutput(console)
    output.open()
    run = streams.folded(streams.mixed(), 30.2)
    output.tick(streams.BEGIN + 30.2, run)
    drawn = Screen(run, streams.BEGIN + 30.2, 100, 24).lines()
    console.width = 60
    file.truncate(0)
    output.tick(streams.BEGIN + 30.2, run)
    rows = sum(max(-(-len(line) // 60), 1) for line in drawn)
    assert rows > len(drawn)
    assert f"\r\x1b[{rows - 1}A\x1b[J" in file.getvalue()
    output.close(run)


def test_nothing_is_drawn_while_nothing_changes() -> None:
    file = io.StringIO()
    output = LiveOutput(Console(file=file, force_terminal=True, width=100, height=24))
    output.open()
    run = streams.folded(streams.mixed(), 30.2)
    output.tick(streams.BEGIN + 30.2, run)
    before = file.tell()
    output.tick(streams.BEGIN + 30.3, run)
    assert file.tell() == before
    output.close(run)


PROGRAM = """
import os, sys, time
sys.path.insert(0, {tests!r})
from harness import event_streams as streams
from ws_deployment.engine.events import EventBus
from ws_deployment.output.choose import Format, Streams, outputs_for

bus = EventBus(streams.RUN)
with outputs_for(Format.AUTO, bus, Streams(sys.stdout, sys.stderr), dict(os.environ)):
    for event in streams.mixed().events(30.2):
        bus.emit(event.kind, event.task, **event.data)
    time.sleep(0.5)
    print("a stray line", file=sys.stderr)
    time.sleep(0.3)
    raise KeyboardInterrupt
"""


def test_a_real_terminal_is_given_back_after_an_exception() -> None:
    tests = str(Path(__file__).parent.parent)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    unset = ("CI", "NO_COLOR", "GITHUB_ACTIONS", "GITLAB_CI", "COLUMNS", "LINES")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(tests=tests)],
        env={**environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):  # Linux says EIO when the child has closed its side
        while part := os.read(ours, 65536):
            written += part
    os.close(ours)
    child.wait(timeout=90)
    shown = written.decode()
    assert "\x1b[?25l" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "a stray line" in shown
    assert "KeyboardInterrupt" in shown
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", shown)
    assert re.search(r"us17 +✓ 2.1s +✓ 3.4s +✓ 9.0s", plain)

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from ws_deployment.clients.command import CommandError, TransientCommandError, call
from ws_deployment.errors import CancelledError


def program(folder: Path, text: str) -> list[str]:
    path = folder / "program.py"
    path.write_text("import json, os, sys, time\n" + text)
    return [sys.executable, str(path)]


def test_a_program_gets_and_answers_json(tmp_path: Path) -> None:
    argv = program(
        tmp_path,
        "asked = json.load(sys.stdin)\n"
        "print('working on', asked['name'], file=sys.stderr)\n"
        "print(json.dumps({'name': asked['name'], 'here': os.getcwd(), 'extra': os.environ['EXTRA']}))\n",
    )
    log = tmp_path / "log"
    answer = call(argv, {"name": "eu17"}, folder=tmp_path, env={"EXTRA": "1"}, log=log)
    assert answer == {"name": "eu17", "here": str(tmp_path), "extra": "1"}
    assert "working on eu17" in log.read_text()
    assert "extra" not in log.read_text()


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("sys.exit('no such zone')", CommandError, "exit code 1: no such zone"),
        ("sys.exit(75)", TransientCommandError, "exit code 75"),
        ("print('done!')", CommandError, "no JSON"),
        ("print('[1]')", CommandError, "is a list, not an object"),
    ],
)
def test_a_program_that_fails_or_babbles_is_told(tmp_path: Path, text: str, kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=why):
        call(program(tmp_path, text), {}, folder=tmp_path)


def test_nothing_said_is_an_empty_answer(tmp_path: Path) -> None:
    assert call(program(tmp_path, ""), {}, folder=tmp_path) == {}


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    with pytest.raises(CancelledError):
        call(program(tmp_path, "time.sleep(60)"), {}, folder=tmp_path, cancelled=cancelled)

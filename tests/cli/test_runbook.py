"""The runbook has a section for each exit code and a row for each error that the program itself makes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.engine.outcome import Status

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
ERRORS = {"WsDeploymentError", "UsageError", "RefusedError", "StalePlanError", "LockedError", "CancelledError"}
#: Told by `doctor`, `lab` and the config commands, which need no state.
ELSEWHERE = {"looking for lab cluster"}


def attempted() -> Iterator[str]:
    """The beginnings of all messages, as far as they are fixed."""
    for file in [*(ROOT / "ws_deployment" / "engine").glob("*.py"), *(ROOT / "ws_deployment" / "cli").glob("run*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
                first = node.args[0]
                if isinstance(first, ast.JoinedStr):
                    first = first.values[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value).strip()


@pytest.mark.parametrize("words", sorted(set(attempted()) - ELSEWHERE))
def test_each_error_has_a_row(words: str) -> None:
    table = RUNBOOK.partition("## Errors")[2]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    assert any(f"`{words}" in cell for cell in cells), words


@pytest.mark.parametrize("code", list(ExitCode))
def test_each_exit_code_has_a_section(code: ExitCode) -> None:
    assert re.search(rf"^### (\d+ and )?{code.value}\b", RUNBOOK, re.MULTILINE)


@pytest.mark.parametrize(
    "status", [Status.RUNNING, Status.WAITING, Status.PAUSED, Status.INTERRUPTED, Status.QUEUED, Status.FAILED]
)
def test_each_status_that_needs_somebody_has_a_first_command(status: Status) -> None:
    assert re.search(rf"^\| `{status}` \|.*`.+` .*\|$|^\| `{status}` \|.*`.+`.*\|$", RUNBOOK, re.MULTILINE)

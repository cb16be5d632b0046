"""Calls the program in the test's own process: quicker than one of its own, and with what the test has replaced."""

from __future__ import annotations

import logging
import sys

import pytest
from harness.program import Ended

from ws_deployment.cli.main import main


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    """The program with `arguments`, to its end."""
    monkeypatch.setattr(sys, "argv", ["ws-deployment", *arguments])
    logging.getLogger("dbos").handlers.clear()  # they write to the stream of the call before, which is closed
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    return Ended(code, *capsys.readouterr())

"""Runs the program as a user does: a process of its own, its streams and exit code told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.forked import forked

#: Seconds after which a command that still runs fails the test.
LIMIT = 240


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines of `run --json`."""
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [event for event in self.events if event["kind"] == kind]

    def statuses(self) -> dict[str, str]:
        """Status of each finished task by its key."""
        return {event["task"]: event["data"]["status"] for event in self.of("task.finished")}


def program(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, fresh: bool = False
) -> Ended:
    """Run `ws-deployment` with `arguments`; `env` goes over the environment.

    The process is forked from one that has loaded the program; with `fresh` it is a new interpreter's.
    """
    if not fresh:
        return Ended(*forked([str(each) for each in arguments], os.environ | (env or {}), cwd, LIMIT))
    argv = [sys.executable, "-m", "ws_deployment.cli.main", *map(str, arguments)]
    done = subprocess.run(
        argv, env=os.environ | (env or {}), cwd=cwd, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


class Running:
    """The program while it goes on, and what it has told so far on both of its streams."""

    def __init__(self, *arguments: str | Path) -> None:
        argv = [sys.executable, "-m", "ws_deployment.cli.main", *map(str, arguments)]
        self._child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=lambda: self._lines.extend(self._child.stdout or ()), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()
        self._reader.join(10)

    def text(self) -> str:
        """All of it."""
        return "".join(self._lines)

    def until(self, words: str) -> None:
        """Wait until it has told these."""
        end = time.monotonic() + LIMIT
        while words not in self.text():
            assert self._child.poll() is None, self.text()
            assert time.monotonic() < end, self.text()
            time.sleep(0.05)

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        code = self._child.wait(LIMIT)
        self._reader.join(10)
        return code

    def events(self) -> list[dict[str, Any]]:
        """The JSON lines of `--json` so far."""
        return [json.loads(line) for line in self._lines if line.startswith("{")]

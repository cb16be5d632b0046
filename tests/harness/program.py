"""Runs the program as a user does: a process of its own, its streams and exit code told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def program(*arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run `ws-deployment` with `arguments`; `env` goes over the environment."""
    argv = [sys.executable, "-m", "ws_deployment.cli.main", *map(str, arguments)]
    done = subprocess.run(
        argv, env=os.environ | (env or {}), cwd=cwd, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)

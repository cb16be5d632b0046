"""Runs a child program to its end: in its own process group, cancellable, time-limited, its output kept.

Long-lived daemons of the lab are not started here; they must outlive their parent, these must not.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from ws_deployment.errors import CancelledError, MissingToolError, TransientError
from ws_deployment.redaction import redact

#: Seconds between SIGTERM and SIGKILL for a child that is asked to stop.
GRACE = 10.0
#: Seconds between two looks at the cancel flag and the clock.
_POLL = 0.05
_PR_SET_PDEATHSIG = 1
#: Loaded before any fork: loading it in the forked child could meet a lock that another thread held.
_LIBC = ctypes.CDLL(None)


class Cancelled(Protocol):
    """Whatever can say that the work shall stop; `threading.Event` fits."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


@dataclass(frozen=True)
class Completed:
    """A child that ended by itself: its exit code and what it wrote, decoded as UTF-8."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    cancelled: Cancelled | None = None,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    umask: int = -1,
    stop: signal.Signals = signal.SIGTERM,
    grace: float = GRACE,
) -> Completed:
    """Run `argv` to its end and return how it ended; a non-zero exit is not an error here.

    `env` replaces the environment where given. `stdin` is written to the child (secrets go this way or by `env`,
    never by `argv`). `timeout` is in seconds. Both streams are appended line by line to `log` (created 0600), and
    each line of either is handed to `on_line`, registered secrets masked in both; what is returned is as it came.
    The child leads a process group of its own, which is ended whole when it is cancelled, out of time, or (on
    Linux) when this process dies: by `stop`, and by SIGKILL `grace` seconds later (Terraform's providers save what
    they made at SIGINT, and are lost at SIGTERM). `umask` is the child's, for programs that write secrets to files
    of their own making.

    Raises MissingToolError if the program can't be started, CancelledError, TransientError when out of time.
    """
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            umask=umask,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  only a prctl call, no lock is taken
        )
    except OSError as error:
        raise MissingToolError(
            "starting", on=argv[0], why=error.strerror or str(error), remedy=f"Install {argv[0]} or put it on PATH."
        ) from error
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(_private_append(log)) if log else None
        collectors = [_Collector(stream, kept, on_line) for stream in (child.stdout, child.stderr) if stream]
        if stdin is not None and child.stdin:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(stdin)
                child.stdin.close()
        try:
            _wait(child, timeout, cancelled)
        finally:
            if child.poll() is None:
                end_group(child, stop, grace)
            for collector in collectors:
                collector.join(timeout=GRACE)
    out, err = (collector.text() for collector in collectors)
    return Completed(tuple(argv), child.returncode, out, err)


def end_group(child: subprocess.Popen[str], stop: signal.Signals = signal.SIGTERM, grace: float = GRACE) -> None:
    """Ask the child's whole process group to end; after `grace` seconds make it."""
    for number in (stop, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace)
            break
    # The child has ended; a member of its group that would not is made to.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _wait(child: subprocess.Popen[str], timeout: float | None, cancelled: Cancelled | None) -> None:
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            child.wait(timeout=_POLL if cancelled or end else None)
        except subprocess.TimeoutExpired:
            if cancelled and cancelled.is_set():
                raise CancelledError("running", on=_name(child), why="asked to stop") from None
            if end and time.monotonic() > end:
                why = f"did not end within {timeout:g} s"
                raise TransientError("running", on=_name(child), why=why) from None
        else:
            return


def _name(child: subprocess.Popen[str]) -> str:
    argv = child.args if isinstance(child.args, list) else [str(child.args)]
    return " ".join(str(word) for word in argv[:2])


class _Collector(threading.Thread):
    """Reads one stream of a child line by line, so that neither pipe can fill up and block it."""

    def __init__(self, stream: IO[str], kept: IO[str] | None, on_line: Callable[[str], None] | None) -> None:
        super().__init__(daemon=True)
        self._stream, self._kept, self._on_line = stream, kept, on_line
        self._lines: list[str] = []
        self.start()

    def run(self) -> None:
        with self._stream:
            for raw in self._stream:
                self._lines.append(raw)
                line = redact(raw)
                if self._kept:
                    self._kept.write(line)
                    self._kept.flush()
                if self._on_line:
                    self._on_line(line.rstrip("\n"))

    def text(self) -> str:
        return "".join(self._lines)


def _private_append(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")


def die_with_parent() -> None:
    """Have the kernel end this process when its parent dies; for `preexec_fn`, Linux alone."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

"""A lock among all processes of this machine, held on a file; the system frees it with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from ws_deployment.errors import CancelledError
from ws_deployment.tools.process import Cancelled


@contextlib.contextmanager
def exclusively(lock: Path, cancelled: Cancelled | None = None) -> Iterator[None]:
    """Hold `lock` (made where it is missing), waiting for whoever has it. Raises CancelledError while waiting."""
    with lock.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if cancelled and cancelled.is_set():
                    raise CancelledError("waiting for", on=str(lock), why="asked to stop") from None
                time.sleep(0.02)
            else:
                break
        yield

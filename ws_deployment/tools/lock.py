"""One lock between processes: a file held by `flock`, let go by the kernel when its holder dies.

Locks that must survive a stopped process, or reach over machines, are leases and do not live here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ws_deployment.errors import CancelledError, TransientError
from ws_deployment.tools.folders import private_folder
from ws_deployment.tools.process import Cancelled

#: Seconds between two attempts at a lock that another holds.
_POLL = 0.02


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    timeout: float = 600.0,
    on_wait: Callable[[], None] | None = None,
    cancelled: Cancelled | None = None,
) -> Iterator[None]:
    """Hold the lock file `path` (made if missing, never removed) while the block runs.

    Waits up to `timeout` seconds for another holder, in this process or another, and calls `on_wait` once when it
    has to. Raises TransientError when the time is over, CancelledError when asked to stop while it waits.
    """
    private_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(handle, path, time.monotonic() + timeout, on_wait, cancelled)
        yield
    finally:
        os.close(handle)


def _acquire(
    handle: int, path: Path, end: float, on_wait: Callable[[], None] | None, cancelled: Cancelled | None
) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                on_wait()
                on_wait = None
            if cancelled and cancelled.is_set():
                raise CancelledError("waiting for the lock", on=str(path), why="asked to stop") from None
            if time.monotonic() > end:
                raise TransientError(
                    "waiting for the lock",
                    on=str(path),
                    why="another process still holds it",
                    remedy="Try again later.",
                ) from None
            time.sleep(_POLL)
        else:
            return

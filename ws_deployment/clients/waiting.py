"""Waiting for a condition with a deadline, cancellable, saying what is waited for. What is asked is the caller's."""

from __future__ import annotations

import time
from collections.abc import Callable

from ws_deployment.errors import CancelledError, TransientError, WsDeploymentError
from ws_deployment.tools.process import Cancelled


class NotReadyError(WsDeploymentError):
    """A condition did not come true before its deadline; `why` is what was missing at the last look."""


def wait_until_ready(
    attempted: str,
    missing: Callable[[], str],
    *,
    deadline: float,
    on: str = "",
    cancelled: Cancelled | None = None,
    progress: Callable[[str], None] | None = None,
    poll: float = 0.2,
) -> None:
    """Ask `missing` every `poll` seconds, up to 2 s apart as time goes by, until it answers an empty text.

    `deadline` is a `time.monotonic` value. `missing` says what is not there yet; each new answer goes to `progress`.
    A TransientError from it counts as an answer: the cluster may be out of reach for a moment.

    Raises NotReadyError at the deadline, with the last answer; CancelledError.
    """
    told = ""
    while True:
        try:
            lacks = missing()
        except TransientError as error:
            lacks = error.why
        if not lacks:
            return
        if progress and lacks != told:
            progress(lacks)
            told = lacks
        if cancelled and cancelled.is_set():
            raise CancelledError(attempted, on=on, why=f"asked to stop while {lacks}")
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotReadyError(attempted, on=on, why=f"out of time: {lacks}")
        time.sleep(min(poll, left))
        poll = min(poll * 1.2, 2.0)

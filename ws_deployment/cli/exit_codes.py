"""Exit codes, one meaning each. With `--detailed-exitcode` (plan commands) every fault is 1; see docs/exit-codes.md."""

from __future__ import annotations

import enum

from ws_deployment.errors import (
    CancelledError,
    LockedError,
    RefusedError,
    StalePlanError,
    UsageError,
    WsDeploymentError,
)


class ExitCode(enum.IntEnum):
    """What the program's exit code says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    STALE_PLAN = 4
    LOCKED = 5
    WAITING = 6
    ROLLED_BACK = 7
    INTERRUPTED = 130
    TERMINATED = 143


def of(error: WsDeploymentError) -> ExitCode:
    """The code for an error that ended the command."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, StalePlanError):
        return ExitCode.STALE_PLAN
    if isinstance(error, LockedError):
        return ExitCode.LOCKED
    if isinstance(error, RefusedError):
        return ExitCode.REFUSED
    if isinstance(error, CancelledError):
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED

"""The one base error, and the few kinds of it that the engine tells apart.

No behaviour lives here: who raises knows what went wrong, who catches decides what to do.
"""

from __future__ import annotations


class WsDeploymentError(Exception):
    """Something that a user can cause or mend went wrong.

    A message has four parts, so that nobody has to guess: `attempted` (what was being done), `on` (to what),
    `why` (what went wrong, in the words of the tool that said it where they help) and `remedy` (what to do next).
    """

    #: Whether the same attempt may succeed later (time-out, unavailable, conflict, rate limit).
    transient = False

    def __init__(self, attempted: str, *, why: str, on: str = "", remedy: str = "") -> None:
        self.attempted = attempted
        self.on = on
        self.why = why
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.attempted} {self.on}".strip()
        text = f"{head}: {self.why}" if head else self.why
        return f"{text}\n{self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the four parts: an exception is otherwise re-created from its rendered message."""
        return (_rebuild, (type(self), self.attempted, self.on, self.why, self.remedy))


def _rebuild(kind: type[WsDeploymentError], attempted: str, on: str, why: str, remedy: str) -> WsDeploymentError:
    return kind(attempted, on=on, why=why, remedy=remedy)


class TransientError(WsDeploymentError):
    """An error that may pass: a time-out, an unavailable server, a conflict, a rate limit. Retried."""

    transient = True


class UsageError(WsDeploymentError):
    """The command line or the config is at fault. Nothing was touched; exit code 2."""


class RefusedError(WsDeploymentError):
    """A pre-run refused: the world is not as the step needs it. Nothing was touched; exit code 3."""


class StalePlanError(RefusedError):
    """The world has moved since the plan was saved. Nothing was touched; exit code 4."""


class LockedError(WsDeploymentError):
    """Another run holds what this one needs. Nothing was touched; exit code 5."""


class CancelledError(WsDeploymentError):
    """The user or the engine asked this attempt to stop, and it did."""


class MissingToolError(WsDeploymentError):
    """A program that is needed is not here and can't be built. The remedy says what to install."""

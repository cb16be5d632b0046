"""The one way out of a run that is no outcome: it was asked to stop."""

from __future__ import annotations


class InterruptedRunError(BaseException):
    """The run was asked to stop. No Exception, so that the journal keeps the task as what it is: under way."""

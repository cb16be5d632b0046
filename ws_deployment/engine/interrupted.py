"""The ways out of a run that are no outcome."""

from __future__ import annotations


class InterruptedRunError(BaseException):
    """The run was asked to stop. No Exception, so that the journal keeps the task as what it is: under way."""


class LostLeaseError(InterruptedRunError):
    """Another process has taken the run over while this one was stopped: it starts nothing more."""


class WaitingRunError(InterruptedRunError):
    """All that is left of the run waits, and the user wants to be told instead of waiting along."""

"""The marks by which a run finds what it made: label keys for whatever can bear a label."""

from __future__ import annotations

#: The run that made it.
RUN = "ws-deployment.dev/run"
#: The fleet that it belongs to.
FLEET = "ws-deployment.dev/fleet"


def marks(run_id: str, fleet: str) -> dict[str, str]:
    """The labels of what a run makes."""
    return {RUN: run_id, FLEET: fleet}

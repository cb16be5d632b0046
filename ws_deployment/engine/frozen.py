"""Whether a freeze of the state stands against an upgrade now."""

from __future__ import annotations

from datetime import UTC, datetime

from ws_deployment.engine.schedules import Schedules
from ws_deployment.engine.state import State
from ws_deployment.engine.store import opened
from ws_deployment.releases.calendar.freezes import holding


def frozen(state: State, cluster: str) -> str:
    """Why `cluster` (`namespace/name`) is not to be upgraded now; empty where no freeze holds it."""
    if not state.exists:
        return ""
    now = datetime.now(UTC)
    with opened(state) as store:
        return str(holding(Schedules(store).freezes(now.timestamp()), cluster, now) or "")

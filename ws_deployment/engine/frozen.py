"""Whether a freeze of the state stands against an upgrade now."""

from __future__ import annotations

from datetime import UTC, datetime

from ws_deployment.engine.state import State


def frozen(state: State, cluster: str) -> str:
    """Why `cluster` (`namespace/name`) is not to be upgraded now; empty where no freeze holds it."""
    from ws_deployment.engine.schedules import Schedules  # noqa: PLC0415  for upgrades alone
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy
    from ws_deployment.releases.calendar.freezes import holding  # noqa: PLC0415  as above

    if not state.exists:
        return ""
    now = datetime.now(UTC)
    with opened(state) as store:
        return str(holding(Schedules(store).freezes(now.timestamp()), cluster, now) or "")

"""Lets an upgrade by hand know of what is scheduled and frozen, and keeps scheduled ones away meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ws_deployment.cli.upgrade_schedule import scheduled

if TYPE_CHECKING:
    from ws_deployment.engine.schedules import Schedule
    from ws_deployment.releases.plan import UpgradePlan

#: While it is entered, nobody else upgrades the plan's cluster; its list has what was cleared afterwards.
Alone = Callable[["UpgradePlan"], contextlib.AbstractContextManager[list["Schedule"]]]


@contextlib.contextmanager
def alone(server: str, *, despite_freeze: bool) -> Iterator[Alone]:
    """What to enter for each plan that is applied. Where nobody has scheduled anything, it does nothing."""
    with scheduled(server) as schedules:
        if schedules is None:
            yield lambda _: contextlib.nullcontext([])
            return
        from ws_deployment.engine.leases import Leases  # noqa: PLC0415  heavy
        from ws_deployment.engine.upgrading import at_once  # noqa: PLC0415  heavy

        held = Leases(schedules.store.engine)
        try:
            yield lambda plan: at_once(schedules, held, [plan], time.time, despite_freeze=despite_freeze)
        finally:
            held.close()

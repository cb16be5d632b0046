"""Scheduled upgrades beside a worker's runs: looked at every few seconds, as `upgrade due` does when it is called."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ws_deployment.cli.management import Place
from ws_deployment.errors import WsDeploymentError

if TYPE_CHECKING:
    from ws_deployment.engine.state import State

#: Seconds between two looks for what is due.
_LOOK = 10.0


@contextlib.contextmanager
def upgrading(state: State, place: Place, say: Callable[[str], None]) -> Iterator[None]:
    """Carry out, as long as the block lasts, what is due with clusters of the management cluster at `place`.

    An upgrade that is being applied when it ends is applied to its end, and waited for.
    """
    ended = threading.Event()

    def look() -> None:
        told = ""
        while True:
            try:
                _once(state, place)
                told = ""
            except (WsDeploymentError, OSError) as error:
                if (text := str(error).strip().splitlines()[0]) != told:
                    say(f"scheduled upgrades: {text}")
                told = text
            if ended.wait(_LOOK):
                return

    looking = threading.Thread(target=look, name="upgrades", daemon=True)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()


def _once(state: State, place: Place) -> None:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  heavy

    from ws_deployment.cli.upgrade_due import carry_out  # noqa: PLC0415  heavy
    from ws_deployment.engine.schedules import Schedules  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy
    from ws_deployment.engine.upgrading import due  # noqa: PLC0415  heavy

    try:
        with opened(state) as store:
            schedules = Schedules(store)
            if due(schedules, time.time()):
                carry_out(schedules, place)
    except SQLAlchemyError as error:
        raise WsDeploymentError("looking for what is due", why=str(error).splitlines()[0]) from error

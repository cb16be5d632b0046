"""Forgets runs that ended long ago: rows, journal, outputs, and inputs that no other has. Nothing of their clusters."""

from __future__ import annotations

import shutil

from ws_deployment.engine import contents, journal, sessions
from ws_deployment.engine.state import State
from ws_deployment.errors import LockedError


def forget(state: State, before: float) -> list[str]:
    """Forget the runs that ended before then (seconds since the epoch), and return their ids, the newest first.

    One that somebody goes on with at this moment is kept. One that is forgotten halfway is forgotten by the next call:
    its row goes last.
    """
    gone = []
    with sessions.opened(state) as session:
        for run in session.store.ended_before(before):
            lock = f"run/{run.id}"
            try:
                session.leases.acquire(run.id, [lock])
            except LockedError:
                continue
            try:
                if session.store.find(run.id).finished == run.finished:
                    journal.forget(run.id)
                    shutil.rmtree(state.folder / "runs" / run.id, ignore_errors=True)
                    session.store.forget(run.id)
                    gone.append(run.id)
            finally:
                session.leases.release([lock])
        contents.forget_unnamed(session.store.engine)
    return gone

"""Leases: which process may work on what. A lease that is not renewed ends by the database's clock.

Each has an epoch that grows whenever it changes hands. A process that was stopped and wakes finds another epoch than
its own and starts nothing more.
"""

from __future__ import annotations

import getpass
import os
import socket
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import sqlalchemy as sa

from ws_deployment.engine import database
from ws_deployment.engine.database import leases
from ws_deployment.errors import LockedError
from ws_deployment.tools.clock import clock

#: Seconds after which the lease of a holder that doesn't renew it ends.
TERM = 30.0
#: Names the variable that sets another term.
TERM_VARIABLE = "WS_DEPLOYMENT_LEASE_SECONDS"
#: Renewals in a term.
_BEATS = 6
#: Seconds that the database's word on a lease is believed: far less than any term.
_FRESH = 0.1
#: A lease that ends with its run alone, not by time.
ENDLESS = 1e15


@dataclass(frozen=True)
class Lease:
    """One thing that a run holds: `run/ID`, `cluster/NAME`, `weights/META`. Times are seconds since the epoch."""

    name: str
    run: str
    holder: str
    host: str
    pid: int
    process: str
    who: str
    since: float
    expires: float
    epoch: int
    live: bool

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        process = f", process {self.pid}" if self.pid else ""
        return f"run {self.run} ({self.who} on {self.host}{process}) since {since}"


def term() -> float:
    """Seconds that a lease lasts without being renewed."""
    return float(os.environ.get(TERM_VARIABLE) or TERM)


def process_mark() -> str:
    """Identifies this process for others on the same machine; empty where they can't know it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}/{psutil.Process().create_time()}"
    except OSError:
        return ""


def gone(pid: int, mark: str) -> bool:
    """Whether the process of that id and mark has surely ended: it was of this machine, and is not here any more."""
    mine = process_mark()
    if not mark or not mine or mark.rpartition("/")[0] != mine.rpartition("/")[0]:
        return False
    try:
        process = psutil.Process(pid)
        return f"{process.create_time()}" != mark.rpartition("/")[2] or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Leases:
    """The leases of one process, renewed by a thread of its own until closed."""

    def __init__(self, engine: sa.Engine, holder: str = "") -> None:
        self.holder = holder or f"cli-{uuid.uuid4().hex}"
        self._engine = engine
        self._term = term()
        self._held: dict[str, int] = {}
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="leases", daemon=True)

    def acquire(self, run: str, names: Iterable[str], *, endless: bool = False) -> None:
        """Take all of `names` for `run`, or none. Raises LockedError, naming who holds one.

        What is held by an ended lease, a process that is surely gone, or by the same run is taken over.
        """
        wanted = sorted(set(names) - self._held.keys())
        with self._engine.begin() as connection:
            database.serialise(connection)
            there = {lease.name: lease for lease in _read(connection, self._engine, wanted)}
            for lease in there.values():
                its_own = lease.run == run and not lease.name.startswith("run/")  # who carries the run on has it
                if lease.live and not its_own and not gone(lease.pid, lease.process):
                    raise _locked(lease)
            clock = connection.execute(sa.select(database.now(self._engine))).scalar_one()
            expires = ENDLESS if endless else clock + self._term
            taken = {}
            for name in wanted:
                old = there.get(name)
                taken[name] = old.epoch + 1 if old else 1
                row = {
                    "run": run,
                    "holder": self.holder,
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "process": process_mark(),
                    "who": _user(),
                    "since": clock,
                    "expires": expires,
                    "epoch": taken[name],
                }
                if old:
                    connection.execute(leases.update().where(leases.c.name == name).values(**row))
                else:
                    connection.execute(leases.insert().values(name=name, **row))
        with self._lock:
            self._held |= taken
        if not self._thread.is_alive() and not self._closing.is_set():
            self._thread.start()

    def leave(self, names: Iterable[str]) -> None:
        """Let the run keep `names` although this process ends; whoever goes on with the run takes them over."""
        with self._lock:
            left = [name for name in names if self._held.pop(name, None)]
        with self._engine.begin() as connection:
            mine = sa.and_(leases.c.name.in_(left), leases.c.holder == self.holder)
            # Nobody's process: that this one is gone must not free them.
            connection.execute(leases.update().where(mine).values(expires=ENDLESS, process="", pid=0))

    def check(self, name: str) -> bool:
        """Whether `name` is still held by this process, by the database's word, `_FRESH` seconds old at most.

        The time in which the process was stopped counts, so a word is never older than that when it wakes.
        """
        epoch = self._held.get(name)
        if epoch is None:
            return False
        asked = clock()
        if asked - self._seen.get(name, -_FRESH) < _FRESH:
            return True
        query = (
            sa.select(sa.literal(1))
            .where(leases.c.name == name, leases.c.holder == self.holder, leases.c.epoch == epoch)
            .where(leases.c.expires > database.now(self._engine))
        )
        with self._engine.connect() as connection:
            held = connection.execute(query).first() is not None
        if held:
            self._seen[name] = asked
        return held

    def release(self, names: Iterable[str] = ()) -> None:
        """Give `names` back, or all that is held."""
        with self._lock:
            given = [name for name in (names or tuple(self._held)) if self._held.pop(name, None)]
        if given:
            with self._engine.begin() as connection:
                mine = sa.and_(leases.c.name.in_(given), leases.c.holder == self.holder)
                connection.execute(leases.delete().where(mine))

    def close(self, *, release: bool = True) -> None:
        """End the renewal; give everything back unless told not to."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if release:
            self.release()

    def _renew(self) -> None:
        mine = sa.and_(leases.c.holder == self.holder, leases.c.expires < ENDLESS)
        while not self._closing.wait(self._term / _BEATS):
            try:
                with self._engine.begin() as connection:
                    expires = database.now(self._engine) + self._term
                    connection.execute(leases.update().where(mine).values(expires=expires))
            except sa.exc.SQLAlchemyError:
                continue  # the next beat tries again; a lease that ends meanwhile is found by `check`


def give_up(engine: sa.Engine, run: str) -> None:
    """End what a run holds that no process carries out any more."""
    with engine.begin() as connection:
        connection.execute(leases.delete().where(leases.c.run == run))


def forget(engine: sa.Engine, lease: Lease) -> None:
    """Remove a lease that has ended, unless it changed hands meanwhile."""
    with engine.begin() as connection:
        connection.execute(leases.delete().where(leases.c.name == lease.name, leases.c.epoch == lease.epoch))


def held(engine: sa.Engine, names: Iterable[str] | None = None) -> list[Lease]:
    """The leases of those names, or all; ended ones too, which are not `live`."""
    with engine.connect() as connection:
        return list(_read(connection, engine, None if names is None else sorted(names)))


def _read(connection: sa.Connection, engine: sa.Engine, names: list[str] | None) -> Iterable[Lease]:
    query = sa.select(leases, (leases.c.expires > database.now(engine)).label("live"))
    if names is not None:
        query = query.where(leases.c.name.in_(names))
    for row in connection.execute(query).mappings():
        fields: Mapping[str, object] = dict(row)
        yield Lease(**{**fields, "live": bool(row["live"])})  # type: ignore[arg-type]  # columns are the fields


def _locked(lease: Lease) -> LockedError:
    kind, _, name = lease.name.partition("/")
    if kind == "upgrade":  # of a cluster, behind the id of its management cluster
        name = name.partition("/")[2]
        remedy = "See `ws-deployment upgrade status`. "
    else:
        remedy = f"Wait for it with --wait, or see `ws-deployment runs show {lease.run}`. "
    return LockedError(
        "locking",
        on={"weights": f"the weights of {name}"}.get(kind, f"{kind} {name}"),
        why=f"held by {lease}",
        remedy=f"{remedy}A process that was killed loses it within {term():.0f} s.",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"

"""Runs, their events, what they wait for and what people said to them: the program's own tables, read without DBOS."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ws_deployment.engine import contents, database
from ws_deployment.engine.database import events, leases, runs, waits, words
from ws_deployment.engine.events import Event
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.errors import UsageError
from ws_deployment.fleet.clusters import Fleet

_COLUMNS = [column for column in runs.c if column.name != "record"]


@dataclass(frozen=True)
class Run:
    """A run as the store has it. Times are seconds since the epoch.

    `kind` is `run` or `rollback`; a rollback is `of` another run. `wanted` is what somebody asked of it and it has
    not come to yet (`pause`, `cancel`). `status` is *interrupted* when it is unfinished and no process is at it.
    """

    id: str
    fleet: str
    environment: str
    cluster_id: int
    kind: str
    of: str
    key: str | None
    status: Status
    wanted: str
    detached: bool
    attempt: int
    last_seq: int
    created: float
    finished: float | None

    @classmethod
    def begun(cls, name: str, fleet: Fleet, *, key: str = "", detached: bool = False) -> Run:
        """A run of `fleet` that begins now; a detached one waits for a worker."""
        return cls(
            id=name,
            fleet=fleet.name,
            environment=fleet.environment,
            cluster_id=fleet.cluster_id,
            kind="run",
            of="",
            key=key or None,
            status=Status.QUEUED if detached else Status.RUNNING,
            wanted="",
            detached=detached,
            attempt=1,
            last_seq=0,
            created=time.time(),
            finished=None,
        )

    @property
    def live(self) -> bool:
        """Whether a process is at it, or workers will be. What is *waiting* has none: it ended with the wait."""
        return self.status in {Status.RUNNING, Status.PAUSED, Status.QUEUED} and not self.finished


@dataclass(frozen=True)
class Wait:
    """What a task waits for: a moment (`until`), or a person where that is None."""

    run: str
    task: str
    subtask: str
    text: str
    since: float
    until: float | None


@dataclass(frozen=True)
class Word:
    """What a person said to a run: an approval, or that a task was done by hand."""

    kind: str
    task: str
    who: str
    reason: str
    at: float


class Store:
    """The tables of one state. Threads may share it."""

    def __init__(self, state: State) -> None:
        database.prepare(state)
        self.state = state
        self.engine = database.connect(state)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    # -- runs ----------------------------------------------------------------------------------------------------

    def begin(self, run: Run, record: Mapping[str, Any], kept: Mapping[str, bytes] | None = None) -> None:
        """Keep a new run, and the contents that its record names, by digest.

        Raises UsageError where another one has just taken its key.
        """
        row = {**vars(run), "status": str(run.status), "record": json.dumps(record, separators=(",", ":"))}
        try:
            with self.engine.begin() as connection:
                contents.keep(connection, kept or {})
                connection.execute(runs.insert(), row)
        except sa.exc.IntegrityError as error:
            raise UsageError(
                "beginning a run", on=f"with key {run.key}", why="another one has just begun", remedy="Run it again."
            ) from error

    def update(self, run: str, **values: Any) -> None:
        """Set columns of a run."""
        with self.engine.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == run).values(**values))

    def retry(self, run: str, attempt: int, record: Mapping[str, Any]) -> None:
        """Open an ended run again for another attempt."""
        text = json.dumps(record, separators=(",", ":"))
        self.update(run, attempt=attempt, record=text, finished=None, status=str(Status.RUNNING), wanted="")

    def finish(self, run: str, status: Status, *, undone: str = "") -> None:
        """Record how a run ended; at once with it, which run it has `undone`."""
        with self.engine.begin() as connection:
            for name, how in ((run, status), (undone, Status.ROLLED_BACK)):
                values = {"status": str(how), "finished": time.time(), "wanted": ""}
                if name:
                    connection.execute(runs.update().where(runs.c.id == name).values(**values))

    def start(self, run: str) -> bool:
        """Record that a worker has begun to carry out a run; False where it has come to an end meanwhile."""
        begins = runs.update().where(runs.c.id == run, runs.c.finished.is_(None))
        with self.engine.begin() as connection:
            return connection.execute(begins.values(status=str(Status.RUNNING))).rowcount > 0

    def wanted(self, run: str) -> str:
        """What somebody asked of the run: `pause`, `cancel`, or nothing.

        One that was cancelled stays so: several workers may be at it, and each has to hear of it.
        """
        with self.engine.connect() as connection:
            query = sa.select(runs.c.wanted, runs.c.status).where(runs.c.id == run)
            wanted, status = connection.execute(query).first() or ("", "")
            return "cancel" if status == Status.CANCELLED else str(wanted)

    def record(self, run: str) -> dict[str, Any]:
        """What the run is, frozen when it began."""
        with self.engine.connect() as connection:
            text = connection.execute(sa.select(runs.c.record).where(runs.c.id == run)).scalar_one()
        record: dict[str, Any] = json.loads(text)
        return record

    def runs(self, *, fleet: str = "", limit: int | None = None) -> list[Run]:
        """The newest runs first."""
        query = self._runs().order_by(runs.c.created.desc(), runs.c.id.desc()).limit(limit)
        return self._fetch(query.where(runs.c.fleet == fleet) if fleet else query)

    def find(self, name: str) -> Run:
        """The run of that id, unique prefix of an id, or `latest`. Raises UsageError."""
        if name == "latest":
            found = self.runs(limit=1)
        else:
            prefix = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            found = self._fetch(self._runs().where(runs.c.id.like(f"{prefix}%", escape="\\")).order_by(runs.c.id))
            found = [run for run in found if run.id == name] or found
        if len(found) == 1:
            return found[0]
        why = f"it fits {', '.join(run.id for run in found)}" if found else "there is none"
        raise UsageError("finding run", on=name, why=why, remedy="See `ws-deployment runs list`.")

    def with_key(self, fleet: str, key: str) -> Run | None:
        """The run of a fleet that was begun with `key`."""
        return next(iter(self._fetch(self._runs().where(runs.c.fleet == fleet, runs.c.key == key))), None)

    def unfinished(self, fleet: str) -> list[Run]:
        """Runs of the fleet that have not come to an end."""
        return self._fetch(self._runs().where(runs.c.fleet == fleet, runs.c.finished.is_(None)))

    def queued(self) -> list[Run]:
        """Runs of the workers that have not come to an end."""
        return self._fetch(self._runs().where(runs.c.detached, runs.c.finished.is_(None)))

    def failed_detached(self) -> list[Run]:
        """Runs of the workers that failed or were turned back; no rollbacks."""
        bad = runs.c.status.in_([str(Status.FAILED), str(Status.TURNED_BACK)])
        failed = sa.and_(runs.c.detached, bad, runs.c.kind == "run")
        return self._fetch(self._runs().where(failed))

    def has_rollback(self, run: str) -> bool:
        """Whether somebody has begun to undo the run."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(runs.c.id).where(runs.c.of == run)).first() is not None

    def used_ids(self, fleet: str) -> frozenset[int]:
        """Cluster ids of all runs of the fleet so far."""
        with self.engine.connect() as connection:
            return frozenset(connection.execute(sa.select(runs.c.cluster_id).where(runs.c.fleet == fleet)).scalars())

    def ended_before(self, moment: float) -> list[Run]:
        """Runs that ended before then, the newest first, but for what an unfinished rollback undoes."""
        undone = sa.select(runs.c.of).where(runs.c.finished.is_(None))
        old = self._runs().where(runs.c.finished < moment, runs.c.id.not_in(undone))
        return self._fetch(old.order_by(runs.c.created.desc(), runs.c.id.desc()))

    def forget(self, run: str) -> None:
        """Remove all rows of a run."""
        with self.engine.begin() as connection:
            for table in (events, waits, words):
                connection.execute(table.delete().where(table.c.run == run))
            connection.execute(runs.delete().where(runs.c.id == run))

    def _runs(self) -> sa.Select[Any]:
        at_it = (
            sa.select(sa.literal(1))
            .where(leases.c.name == sa.literal("run/") + runs.c.id, leases.c.expires > database.now(self.engine))
            .exists()
        )
        return sa.select(*_COLUMNS, at_it.label("at_it"))

    def _fetch(self, query: sa.Select[Any]) -> list[Run]:
        with self.engine.connect() as connection:
            return [_run(dict(row)) for row in connection.execute(query).mappings()]

    # -- events --------------------------------------------------------------------------------------------------

    def add_events(self, run: str, batch: list[Event]) -> None:
        """Keep events, all or none; those of a run are numbered in the order in which they are kept."""
        with self.engine.begin() as connection:
            step = runs.update().where(runs.c.id == run).values(last_seq=runs.c.last_seq + len(batch))
            last = connection.execute(step.returning(runs.c.last_seq)).scalar()
            if last is None:
                return  # a run that never began: refused, or forgotten meanwhile
            rows = []
            for seq, event in enumerate(batch, start=last - len(batch) + 1):
                text = json.dumps({**event.as_json(), "seq": seq}, separators=(",", ":"))
                rows.append({"run": run, "seq": seq, "event": text})
            connection.execute(events.insert(), rows)

    def events(self, run: str, *, after: int = 0) -> list[dict[str, Any]]:
        """The events of a run with numbers above `after`, in order, in their documented JSON form."""
        query = sa.select(events.c.event).where(events.c.run == run, events.c.seq > after).order_by(events.c.seq)
        with self.engine.connect() as connection:
            return [json.loads(text) for text in connection.execute(query).scalars()]

    # -- waits and words -----------------------------------------------------------------------------------------

    def begin_wait(self, wait: Wait) -> None:
        """Note that a task waits."""
        with self.engine.begin() as connection:
            connection.execute(waits.delete().where(waits.c.run == wait.run, waits.c.task == wait.task))
            connection.execute(waits.insert(), vars(wait))

    def end_wait(self, run: str, task: str = "") -> None:
        """Note that a task, or every task of the run, waits no more."""
        of_run = waits.delete().where(waits.c.run == run)
        with self.engine.begin() as connection:
            connection.execute(of_run.where(waits.c.task == task) if task else of_run)

    def waits(self, run: str = "") -> list[Wait]:
        """What the run's tasks, or those of all runs, wait for."""
        query = sa.select(waits).order_by(waits.c.since)
        with self.engine.connect() as connection:
            rows = connection.execute(query.where(waits.c.run == run) if run else query).mappings()
            return [Wait(**row) for row in rows]

    def say(self, run: str, word: Word) -> None:
        """Keep what a person said."""
        with self.engine.begin() as connection:
            connection.execute(words.insert(), {"run": run, **vars(word)})

    def words(self, run: str, kind: str) -> list[Word]:
        """What people said to the run, oldest first."""
        query = sa.select(words).where(words.c.run == run, words.c.kind == kind).order_by(words.c.id)
        with self.engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [Word(**{name: row[name] for name in ("kind", "task", "who", "reason", "at")}) for row in rows]


@contextlib.contextmanager
def opened(state: State) -> Iterator[Store]:
    """The store of a state that a run has written to. Raises UsageError where there is none: nothing is made."""
    if not state.exists:
        raise UsageError(
            "opening the state in", on=str(state), why="no run has written to it", remedy="Begin with a run."
        )
    store = Store(state)
    try:
        yield store
    finally:
        store.close()


def _run(row: dict[str, Any]) -> Run:
    at_it = row.pop("at_it")
    status = Status(row["status"])
    unattended = row["finished"] is None and not at_it
    if unattended and status in {Status.RUNNING, Status.PAUSED} and not row["detached"]:
        status = Status.INTERRUPTED
    return Run(**{**row, "status": status})

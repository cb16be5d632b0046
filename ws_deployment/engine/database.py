"""The database of the state: opened, and the program's own tables in it, beside the durable library's."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ws_deployment.engine.state import State
from ws_deployment.errors import WsDeploymentError
from ws_deployment.redaction import redact

#: Version of the tables below.
SCHEMA = 1

metadata = sa.MetaData()
schema = sa.Table("wsd_schema", metadata, sa.Column("version", sa.Integer, nullable=False))
runs = sa.Table(
    "wsd_runs",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("fleet", sa.String, nullable=False, index=True),
    sa.Column("environment", sa.String, nullable=False),
    sa.Column("cluster_id", sa.Integer, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("of", sa.String, nullable=False),
    sa.Column("key", sa.String),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("wanted", sa.String, nullable=False),
    sa.Column("detached", sa.Boolean, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("created", sa.Float, nullable=False, index=True),
    sa.Column("finished", sa.Float),
    sa.Column("record", sa.Text, nullable=False),
    sa.UniqueConstraint("fleet", "key"),
)
events = sa.Table(
    "wsd_events",
    metadata,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
)
leases = sa.Table(
    "wsd_leases",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("holder", sa.String, nullable=False, index=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("process", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
)
waits = sa.Table(
    "wsd_waits",
    metadata,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("task", sa.String, primary_key=True),
    sa.Column("subtask", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("until", sa.Float),
)
words = sa.Table(
    "wsd_words",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
contents = sa.Table(
    "wsd_contents",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
schedules = sa.Table(
    "wsd_schedules",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    #: Of each cluster one at most is open: it has the cluster here, one that has ended nothing.
    sa.Column("open", sa.String, unique=True),
    sa.Column("management", sa.String, nullable=False),
    sa.Column("cluster", sa.String, nullable=False, index=True),
    sa.Column("from_version", sa.String, nullable=False),
    sa.Column("to_version", sa.String, nullable=False),
    sa.Column("plan", sa.String, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("zone", sa.String, nullable=False),
    sa.Column("opens", sa.Float, nullable=False),
    sa.Column("closes", sa.Float, nullable=False),
    sa.Column("ahead", sa.Float, nullable=False),
    sa.Column("notify", sa.Text, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("announced", sa.Float),
    sa.Column("changed", sa.Float, nullable=False),
)
freezes = sa.Table(
    "wsd_freezes",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("cluster", sa.String, nullable=False),
    sa.Column("start", sa.Float, nullable=False),
    sa.Column("end", sa.Float),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("lifted", sa.Float),
)

#: Seconds that a write waits for another process's.
_BUSY = 30.0
#: Seconds after which a server ends a transaction in which nothing happens: its process was stopped, or its machine
#: sleeps, and what it has locked stands in everybody's way. Far less than a lease's term.
IDLE = 10


@sa.event.listens_for(sa.Engine, "connect")
def _limit_idle_transactions(connection: Any, _record: object) -> None:
    """Of every connection of the process, the durable library's too."""
    if type(connection).__module__.startswith("psycopg"):
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE}s'")
        connection.commit()


def prepare(state: State) -> None:
    """Make the folder (0700) and its database file (0600), in WAL, which the durable library leaves to its user."""
    state.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if state.server:
        return
    path = state.file
    with told(state):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def connect(state: State) -> sa.Engine:
    """The database, with the program's tables in it.

    Raises WsDeploymentError where it can't be reached or was written by another version of the program.
    """
    arguments: dict[str, Any] = {"connect_timeout": 10} if state.server else {"timeout": _BUSY}
    engine = sa.create_engine(state.url, connect_args=arguments, pool_pre_ping=bool(state.server))
    with told(state):
        _ensure(engine, state)
    return engine


def _ensure(engine: sa.Engine, state: State) -> None:
    with engine.begin() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        if "wsd_schema" in tables:
            version = connection.execute(sa.select(schema.c.version)).scalar_one()
            if version == SCHEMA and metadata.tables.keys() - tables:  # some were thought of later; older programs
                _alone(connection, state)  # leave them alone
                metadata.create_all(connection)
        elif "wsd_runs" in tables:
            version = 0
        else:
            _alone(connection, state)
            metadata.create_all(connection)
            if connection.execute(sa.select(schema.c.version)).first() is None:
                connection.execute(schema.insert().values(version=SCHEMA))
            version = SCHEMA
    if version != SCHEMA:
        raise WsDeploymentError(
            "opening the state in",
            on=str(state),
            why=f"its tables have version {version}, this program writes {SCHEMA}",
            remedy="Go on with its open runs under the program that wrote it, or name another state by --state.",
        )


def _alone(connection: sa.Connection, state: State) -> None:
    """Let nobody else make tables until this transaction has ended."""
    if state.server:  # two that begin at once make the tables one after the other
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7734001)"))
    else:  # or SQLite would keep each table as it is made, though this process be killed in between
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextlib.contextmanager
def told(state: State, attempted: str = "opening the state in", remedy: str = "") -> Iterator[None]:
    """Tell what goes wrong with the database as an error that says what to do."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        check = "Check that the server runs and lets you in." if state.server else "Check the folder, its disk, rights."
        why = redact(cause)
        raise WsDeploymentError(attempted, on=str(state), why=why, remedy=f"{check} {remedy}".strip()) from error


def now(engine: sa.Engine) -> sa.ColumnElement[float]:
    """The database's own clock, in seconds since the epoch: the one clock that all holders of leases share."""
    if engine.dialect.name == "postgresql":
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Float)
    return (sa.func.julianday("now") - 2440587.5) * 86400.0


def serialise(connection: sa.Connection) -> None:
    """Let no other process come to this point of a transaction until this one has ended."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE wsd_leases IN SHARE ROW EXCLUSIVE MODE"))
    else:
        connection.execute(leases.delete().where(leases.c.name == ""))  # SQLite locks at the first write

"""Inputs of runs and plans of scheduled upgrades, kept in the state once, by their digest (SHA-256)."""

from __future__ import annotations

import json
from collections.abc import Mapping

import sqlalchemy as sa

from ws_deployment.engine import database
from ws_deployment.engine.database import contents, runs, schedules


def keep(connection: sa.Connection, kept: Mapping[str, bytes]) -> None:
    """Keep contents, by digest. What names them is written in the same transaction: nobody forgets them meanwhile."""
    if not kept:
        return
    database.serialise(connection)
    there = set(connection.execute(sa.select(contents.c.digest)).scalars())
    new = [{"digest": digest, "content": kept[digest]} for digest in kept if digest not in there]
    if new:
        connection.execute(contents.insert(), new)


def read(engine: sa.Engine, digest: str) -> bytes:
    """The content of that digest."""
    with engine.connect() as connection:
        return bytes(connection.execute(sa.select(contents.c.content).where(contents.c.digest == digest)).scalar_one())


def forget_unnamed(engine: sa.Engine) -> int:
    """Remove the contents that no run and no schedule names any more, and return how many."""
    with engine.begin() as connection:
        database.serialise(connection)
        named = set(connection.execute(sa.select(schedules.c.plan)).scalars())
        for record in connection.execute(sa.select(runs.c.record)).scalars():
            named.update(json.loads(record).get("inputs", {}).values())
        gone = set(connection.execute(sa.select(contents.c.digest)).scalars()) - named
        for digest in gone:
            connection.execute(contents.delete().where(contents.c.digest == digest))
    return len(gone)

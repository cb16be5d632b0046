"""A private PostgreSQL for tests: a server of Debian's packages, or of PATH, started as an ordinary user."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ws_deployment.lab.ports import free_ports
from ws_deployment.tools.process import die_with_parent

#: Where Debian puts the server's programs.
_DEBIAN = Path("/usr/lib/postgresql")
_USER = "ws"
#: Times that another port is drawn when one was taken meanwhile.
_PORTS = 4


@dataclass
class Postgres:
    """A running server. It trusts who reaches it: it listens on the loopback alone and ends with the tests."""

    port: int
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str = "postgres") -> str:
        """Where a database is."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """URL of a new, empty database."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)


def missing() -> str:
    """What is missing and how to get it; empty where the server's programs are here."""
    return "" if _programs() else "PostgreSQL is not here; `make system` installs it (as root), or put it on PATH"


@contextlib.contextmanager
def running(*options: str) -> Iterator[Postgres]:
    """A server with settings `options` (`fsync=off`). Fails the test where PostgreSQL is not installed."""
    if lacking := missing():
        pytest.fail(lacking, pytrace=False)
    programs = _programs()
    who = _ordinary_user()
    with tempfile.TemporaryDirectory(prefix="ws-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if who:
            os.chown(folder, who["user"], who["group"])
        data = folder / "data"
        init = [programs / "initdb", "-D", data, "-U", _USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run([*map(str, init)], check=True, stdout=subprocess.DEVNULL, cwd=folder, **who)
        server = _started(programs, folder, options, who)
        try:
            yield server
        finally:
            server.process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            server.process.wait(timeout=30)


def _started(programs: Path, folder: Path, options: tuple[str, ...], who: dict[str, Any]) -> Postgres:
    log = folder / "log"
    for _ in range(_PORTS):
        (port,) = free_ports(1)
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
        argv = [str(programs / "postgres"), "-D", str(folder / "data")]
        for setting in (*settings, *options):
            argv += ["-c", setting]
        with log.open("wb") as told:
            process = subprocess.Popen(
                argv,
                cwd=folder,
                stdout=told,
                stderr=told,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  only a prctl call, no lock is taken
                **who,
            )
        server = Postgres(port, process)
        while process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.url()):
                return server
            time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-2000:]}", pytrace=False)


def _programs() -> Path | None:
    """The folder of the server's programs; the newest version of several."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = [path.parent for path in _DEBIAN.glob("*/bin/initdb")] if _DEBIAN.is_dir() else []
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


def _ordinary_user() -> dict[str, Any]:
    """Whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
    pytest.fail("there is neither a user postgres nor nobody to run PostgreSQL as", pytrace=False)

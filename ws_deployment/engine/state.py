"""Where the program keeps what it must not forget: a folder of this machine, and a database in it or on a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ws_deployment.errors import UsageError

#: Version of what the journal holds. A run goes on only under a program that writes the same.
FORMAT = "journal-3"

_FORM = "Give postgresql://USER@HOST/DATABASE; the password is best in PGPASSWORD or a ~/.pgpass file."


@dataclass(frozen=True)
class State:
    """A folder and a database.

    `folder` is this machine's: clusters' private folders, outputs. `server` is the URL of a PostgreSQL database that
    several machines share; empty for SQLite in the folder.
    """

    folder: Path
    server: str = ""

    @classmethod
    def at(cls, folder: Path, server: str) -> State:
        """The state in `folder`, or at `server` where that is given. Raises UsageError for what is no such URL."""
        if not server:
            return cls(folder)
        parts = urlsplit(server)
        if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
            raise UsageError("reading", on="--state", why="it is no URL of a PostgreSQL database", remedy=_FORM)
        if parts.password:
            from ws_deployment.redaction import register  # noqa: PLC0415  where there is one

            register(parts.password)
        return cls(folder, urlunsplit(parts._replace(scheme="postgresql")))

    @property
    def file(self) -> Path:
        """The database file, where there is no server."""
        return self.folder / "state.db"

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the database."""
        if self.server:
            return self.server.replace("postgresql:", "postgresql+psycopg:", 1)
        return f"sqlite:///{self.file.resolve()}"

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; False for a folder that no run has written to."""
        return bool(self.server) or self.file.is_file()

    def __str__(self) -> str:
        if not self.server:
            return str(self.folder)
        parts = urlsplit(self.server)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

"""A PostgreSQL for the tests of workers, one database a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import postgres
from workers.crew import Crew, crew


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    """A private server; what it holds need not survive the machine."""
    with postgres.running("fsync=off") as running:
        yield running


@pytest.fixture
def machines(tmp_path: Path, server: postgres.Postgres) -> Iterator[Crew]:
    """Machines that share an empty database."""
    with crew(tmp_path, server.database()) as made:
        yield made

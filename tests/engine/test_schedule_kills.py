"""A process that carries out a scheduled upgrade is killed after each of its writes; the next ends it as one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness import postgres
from harness.postgres import Postgres
from harness.upgrade_plans import WANTED, Management, plan_of

from ws_deployment.engine.schedules import Asked, Schedules, Stage
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.engine.upgrading import Kind
from ws_deployment.releases.calendar.window import Opening

pytestmark = pytest.mark.real

OPENS = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
#: Carries out what is due, and kills itself after its Nth write: to the state, or to the cluster (a field).
CARRIER = """
import os, signal, sys, time
from pathlib import Path
from harness.upgrade_plans import Management
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.schedules import Schedules
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.engine.upgrading import carry_out

folder, server, kill_at, now, pause = Path(sys.argv[1]), sys.argv[2], *map(float, sys.argv[3:])
writes = 0
def counting(owner, name):
    call = getattr(owner, name)
    def counted(*what, **more):
        global writes
        done = call(*what, **more)
        writes += 1
        if writes == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(owner, name, counted)
management = Management(folder / "management.json")
management.before_write = lambda path: time.sleep(pause)
for owner, name in ((management, "_keep"), (Schedules, "move"), (Schedules, "announce")):
    counting(owner, name)
store = Store(State(folder, server))
held = Leases(store.engine)
told = carry_out(Schedules(store), held, management, lambda _: None, lambda: now)
held.close()
store.close()
print(*(notice.kind for notice in told), writes, sep=",")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres.running("fsync=off") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def scheduled(folder: Path, url: str) -> None:
    folder.mkdir()
    store = Store(State(folder, url))
    plan = plan_of(Management(folder / "management.json").fields)
    asked = Asked("then", Opening(OPENS, OPENS + timedelta(hours=3)))
    Schedules(store).add(plan, asked, OPENS.timestamp() - 9000)
    store.close()


def carrier(
    folder: Path, url: str, *, kill_at: int = 0, later: float = 0.0, pause: float = 0.0
) -> subprocess.Popen[str]:
    words = [str(folder), url, str(kill_at), str(OPENS.timestamp() + later), str(pause)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen([sys.executable, "-c", CARRIER, *words], stdout=subprocess.PIPE, text=True, env=env)


def carried(folder: Path, url: str, **how: float) -> tuple[int, list[str]]:
    process = carrier(folder, url, **how)  # type: ignore[arg-type]  # kill_at is a whole number
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.strip().split(",")


def ended(folder: Path, url: str) -> Stage:
    store = Store(State(folder, url))
    try:
        return Schedules(store).all()[0].status
    finally:
        store.close()


def test_killed_after_any_write_it_ends_as_one_that_was_not(tmp_path: Path, where: str, server: Postgres) -> None:
    def url() -> str:
        return server.database() if where == "postgresql" else ""

    scheduled(tmp_path / "whole", whole := url())
    code, told = carried(tmp_path / "whole", whole)
    writes = int(told[-1])
    assert (code, told[:-1], writes) == (0, [Kind.BEGUN, Kind.ENDED], len(WANTED) + 2)

    def killed(number: int) -> None:
        folder, database = tmp_path / f"{number}", url()
        scheduled(folder, database)
        assert carried(folder, database, kill_at=number)[0] == -9
        assert carried(folder, database, later=300)[0] == 0
        assert ended(folder, database) is Stage.DONE
        assert Management(folder / "management.json").writes == list(WANTED)

    with ThreadPoolExecutor(2) as pool:
        # Each write on SQLite; on PostgreSQL the first and the last.
        list(pool.map(killed, range(1, writes + 1) if where == "sqlite" else (1, writes)))


def test_an_announcement_that_was_noted_is_not_told_again(tmp_path: Path) -> None:
    scheduled(tmp_path / "one", "")
    assert carried(tmp_path / "one", "", later=-600, kill_at=1)[0] == -9
    assert carried(tmp_path / "one", "", later=-600) == (0, ["0"])


def test_of_several_at_once_one_carries_it_out(tmp_path: Path, where: str, server: Postgres) -> None:
    url = server.database() if where == "postgresql" else ""
    scheduled(tmp_path / "one", url)
    processes = [carrier(tmp_path / "one", url, pause=1.0) for _ in range(3)]
    told = [kind for process in processes for kind in process.communicate(timeout=60)[0].strip().split(",")[:-1]]
    assert told.count(Kind.BEGUN) == 1
    assert Management(tmp_path / "one" / "management.json").writes == list(WANTED)
    assert ended(tmp_path / "one", url) is Stage.DONE

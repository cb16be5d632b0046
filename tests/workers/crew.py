"""Workers as machines have them: processes with folders of their own, that share a database alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import string
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from harness.program import Ended, program

HERE = Path(__file__).parent
#: Seconds after which something that was to come fails the test.
LIMIT = 120.0
#: Seconds that a lease lasts in these tests.
LEASE = 3.0


def install(folder: Path) -> None:
    """Install the step `append` into `folder`, for PYTHONPATH."""
    shutil.copy(HERE / "appending.py", folder / "ws_test_appending.py")
    about = folder / "ws_test_appending-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ws-test-appending\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[ws_deployment.steps]\nappend = ws_test_appending:Append\n")


@dataclass
class Crew:
    """The machines of one test. `shared` goes over every machine's environment."""

    folder: Path
    url: str
    shared: dict[str, str] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _machines: int = 0

    def machine(self) -> dict[str, str]:
        """The environment of a new machine: a HOME and a state folder of its own."""
        self._machines += 1
        home = self.folder / f"machine{self._machines}"
        home.mkdir()
        return {
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "WS_DEPLOYMENT_STATE": self.url,
            "WS_DEPLOYMENT_LEASE_SECONDS": str(LEASE),
            "PYTHONPATH": os.pathsep.join([str(self.folder / "site"), os.environ.get("PYTHONPATH", "")]),
            **self.shared,
        }

    def start(self, *options: str, **env: str) -> subprocess.Popen[bytes]:
        """A worker on a machine of its own, the leader of a process group."""
        environment = os.environ | self.machine() | env
        log = self.folder / f"worker{len(self.workers) + 1}.log"
        with log.open("wb") as told:
            worker = subprocess.Popen(
                [sys.executable, "-m", "ws_deployment.cli.main", "worker", *options],
                env=environment,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def log(self, worker: subprocess.Popen[bytes]) -> str:
        """What the worker said."""
        return (self.folder / f"worker{self.workers.index(worker) + 1}.log").read_text()

    def __call__(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Ended:
        """The program on a machine of its own."""
        return program(*arguments, env={**self.machine(), **(env or {})})

    def detach(self, config: Path, *arguments: str) -> str:
        """Begin a detached run; its id."""
        ended = self("run", "-c", config, "--detach", "--output", "plain", *arguments)
        assert ended.code == 0, ended.err
        return ended.out.strip().splitlines()[-1]

    def run(self, run: str) -> dict[str, Any]:
        """The run as the store has it."""
        import sqlalchemy as sa  # noqa: PLC0415  for this alone

        engine = sa.create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        try:
            with engine.connect() as connection:
                found = connection.execute(sa.text("SELECT * FROM wsd_runs WHERE id = :id"), {"id": run}).mappings()
                return dict(found.one())
        finally:
            engine.dispose()

    def events(self, run: str, kind: str) -> list[dict[str, Any]]:
        """The run's events of a kind."""
        import psycopg  # noqa: PLC0415  for this alone

        with psycopg.connect(self.url) as connection:
            rows = connection.execute("SELECT event FROM wsd_events WHERE run = %s ORDER BY seq", (run,)).fetchall()
        return [event for (text,) in rows if (event := json.loads(text))["kind"] == kind]

    def ended(self, run: str) -> str:
        """Wait for the run's end; its status."""
        self.until(lambda: self.run(run)["finished"], f"the end of {run}")
        return str(self.run(run)["status"])

    def done(self, run: str) -> None:
        """Wait for the run's end; fails where it is not a good one."""
        if (status := self.ended(run)) != "done":
            told = [event["data"] | {"task": event["task"]} for event in self.events(run, "task.finished")]
            bad = [f"{each['task']} {each['status']}: {each['reason']}" for each in told if each["status"] != "done"]
            pytest.fail("\n".join([status, *bad]), pytrace=False)

    def until(self, come: Callable[[], object], what: str) -> None:
        """Wait until `come` says so."""
        end = time.monotonic() + LIMIT
        while not come():
            if time.monotonic() > end:
                logs = "\n".join(self.log(worker)[-2000:] for worker in self.workers)
                pytest.fail(f"waited {LIMIT:g} s for {what}\n{logs}", pytrace=False)
            time.sleep(0.1)

    def close(self) -> None:
        """End all workers, and see that they end cleanly when asked."""
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGCONT)
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(worker.pid, signal.SIGKILL)
                pytest.fail(f"a worker did not end when asked:\n{self.log(worker)[-3000:]}", pytrace=False)


@contextlib.contextmanager
def crew(folder: Path, url: str) -> Iterator[Crew]:
    """Machines that share the database at `url`; their workers end with it."""
    (folder / "site").mkdir()
    install(folder / "site")
    made = Crew(folder, url)
    try:
        yield made
    finally:
        made.close()


def appending(folder: Path, clusters: int, steps: int = 1, **parameters: Any) -> tuple[Path, Path]:
    """A config of so many clusters that are names, with so many steps `append`; and the file they append to."""
    file = folder / "effects"
    defaults = parameters.pop("defaults", {})
    letters = string.ascii_lowercase
    path = write_config(
        folder,
        metaClusters=[{"name": "meta", "region": "europe-west1", "type": "existing"}],
        workspaceClusters=[
            {
                "prefix": letters[number // 26] + letters[number % 26],
                "region": "europe-west1",
                "governedBy": "meta",
                "type": "local",
            }
            for number in range(clusters)
        ],
        pipeline=[
            {"step": "append", "name": f"append-{number}", "with": {"file": str(file), **parameters}}
            for number in range(1, steps + 1)
        ],
        defaults=defaults,
    )
    return path, file


@dataclass(frozen=True)
class Effects:
    """What tasks left in the file."""

    lines: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, file: Path) -> Effects:
        """The lines of the file."""
        return cls(tuple(json.loads(line) for line in file.read_text().splitlines()) if file.exists() else ())

    def begun(self) -> Counter[str]:
        """How often each task began."""
        return Counter(line["task"] for line in self.lines if line["what"] == "begin")

    def ended(self) -> Counter[str]:
        """How often each task ended."""
        return Counter(line["task"] for line in self.lines if line["what"] == "end")

    def workers(self) -> set[int]:
        """Who did it."""
        return {line["worker"] for line in self.lines}

    def of_worker(self, pid: int) -> list[dict[str, Any]]:
        """What one of them did."""
        return [line for line in self.lines if line["worker"] == pid]

"""A world of its own for one kill or fault: state, lab, old clusters that have the traffic, and the program in it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from harness.configs import write_config
from harness.lab_tools import FOREIGN, private_folders

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.lab import daemon

DRIVER = Path(__file__).with_name("driver.py")
#: The short names that the run gives, and those that have the traffic before.
NEW, OLD = ("ea7", "eb7"), ("ea1", "eb1")
SHIFT = {"step": "traffic-shift", "with": {"stages": [50, 100], "hold": 0.2}}
#: One step of each kind.
SHORT: list[Any] = ["create-cluster", "install-jaeger", "alive-test", "register-cluster", SHIFT]
#: What a cluster needs to be retired.
BARE: list[Any] = ["create-cluster", "register-cluster", SHIFT]
#: A gate whose answer, of a real Prometheus, is that the cluster is bad; and a rollout that it turns back.
BAD = {
    "name": "sick",
    "query": 'vector(1) + 0 * (count(up{cluster="{{cluster}}"}) or vector(0))',
    "failWhen": ">= 1",
    "interval": 1,
}
WATCHED: list[Any] = [
    "create-cluster",
    "register-cluster",
    {"step": "traffic-shift", "with": {**SHIFT["with"], "gates": [BAD], "measure": "off"}},
]
#: A rollout that asks a person.
ASKING: list[Any] = ["create-cluster", "approval", "register-cluster", SHIFT]
#: Seconds after which a command that still runs is at fault.
LIMIT = 150


@dataclass(frozen=True)
class Ended:
    """How a command ended; `left` are programs of it that still worked when it was dead: pid, birth, name."""

    code: int
    text: str
    seconds: float
    left: tuple[tuple[int, float, str], ...] = ()

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class World:
    """Below `top`. End it: it has processes."""

    def __init__(self, top: Path, tools: Path, pipeline: list[Any] | None = None, **parts: Any) -> None:
        self.top = top
        self.top.mkdir(parents=True, exist_ok=True)
        self.env = {key: value for key, value in os.environ.items() if key not in FOREIGN}
        self.env |= private_folders(top, tools)
        self.state = top / "state" / "ws-deployment"
        self.meta = self.state / "lab" / "meta" / "meta"
        self.labels = top / "labels"
        self.overlaps = top / "overlaps"
        clusters = [
            {"prefix": name.rstrip("0123456789"), "region": "europe-west1", "governedBy": "meta", "type": "local"}
            for name in NEW
        ]
        self.config = write_config(top, **{"pipeline": pipeline or SHORT, "workspaceClusters": clusters, **parts})
        self._take_traffic()

    def _take_traffic(self) -> None:
        """Old clusters are registrations alone: nothing here asks them."""
        old = [{"name": name, "url": f"https://127.0.0.1:1/{name}", "cordoned": False, "score": 50} for name in OLD]
        self.meta.mkdir(parents=True, mode=0o700)
        (self.meta / "state.json").write_text(json.dumps({"clusters": old}))

    # -- commands ------------------------------------------------------------------------------------------------

    def run(self, **plan: Any) -> Ended:
        """Begin the run."""
        return self.command("run", "-c", str(self.config), "--cluster-id", "7", "--output", "plain", "--yes", **plan)

    def resume(self, **plan: Any) -> Ended:
        """Go on with the newest run."""
        return self.command("runs", "resume", "latest", "--output", "plain", **plan)

    def rollback(self, *flags: str, **plan: Any) -> Ended:
        """Undo the run that was done."""
        return self.command("runs", "rollback", "latest", "--output", "plain", *flags, **plan)

    def retire(self, **plan: Any) -> Ended:
        """Retire the first cluster that the run made."""
        arguments = ("retire", "-c", str(self.config), NEW[0], "--soak", "0.2s", "--output", "plain", "--yes")
        return self.command(*arguments, **plan)

    def retry(self, **plan: Any) -> Ended:
        """Try again what failed in the newest run."""
        return self.command("runs", "retry", "latest", "--output", "plain", **plan)

    def command(
        self,
        *arguments: str,
        kill_after: float | None = None,
        answer: Callable[[str], None] | None = None,
        **plan: Any,
    ) -> Ended:
        """Carry out a command under a plan (see driver.py), killed after so many seconds if it has not ended.

        `answer` does what the command asks for, while it waits.
        """
        self.labels.write_text("")
        told = self.top / "plan.json"
        told.write_text(json.dumps({"labels": str(self.labels), "overlaps": str(self.overlaps), **plan}))
        argv = [sys.executable, str(DRIVER), str(told), "--", *arguments]
        began = time.monotonic()
        child = subprocess.Popen(
            argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        approved = False
        lines = [f"$ {' '.join(arguments)}  {plan or ''}\n"]
        reader = threading.Thread(target=lambda: lines.extend(child.stdout or ()), daemon=True)
        reader.start()
        end = began + (LIMIT if kill_after is None else kill_after)
        asked = self.top / "asked"
        while child.poll() is None:
            if answer and asked.exists():
                answer(asked.read_text())
                asked.unlink()
            if answer and not approved and self.rows("SELECT task FROM wsd_waits WHERE subtask = 'approval'"):
                approved = self._approve()
            if time.monotonic() > end:
                child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.05 if answer else max(end - time.monotonic(), 0.05))
        seconds = time.monotonic() - began
        left = tuple(self.programs()) if child.returncode == -signal.SIGKILL else ()
        reader.join(10)
        text = "".join(lines)
        with (self.top / "said").open("a") as said:
            said.write(text)
        return Ended(child.returncode, text, seconds, left)

    def _approve(self) -> bool:
        """Say yes to what a run asks, from another terminal."""
        argv = [sys.executable, "-m", "ws_deployment.cli.main", "runs", "approve", "latest"]
        return subprocess.run(argv, env=self.env, capture_output=True, check=False).returncode == 0

    def written(self) -> list[str]:
        """Labels of the writes of the last command, in order."""
        return self.labels.read_text().splitlines()

    def programs(self) -> list[tuple[int, float, str]]:
        """What works in this world and is no process of the lab: terraform, helm, and what they started."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environ = process.environ()
                mine = environ.get("XDG_STATE_HOME") == self.env["XDG_STATE_HOME"]
                if mine and daemon.HOME_VARIABLE not in environ and process.status() != psutil.STATUS_ZOMBIE:
                    found.append((process.pid, process.create_time(), " ".join(process.cmdline()[:2])))
        return found

    # -- its state -----------------------------------------------------------------------------------------------

    def rows(self, query: str, *arguments: str) -> list[dict[str, Any]]:
        """What the state's database answers; nothing where there is none."""
        path = self.state / "state.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in connection.execute(query, arguments)]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def runs(self) -> int:
        """How many runs the state knows."""
        return len(self.rows("SELECT id FROM wsd_runs"))

    def journaled(self) -> frozenset[str]:
        """Names of what is journaled of the newest run."""
        newest = self.rows("SELECT id FROM wsd_runs ORDER BY created DESC LIMIT 1")
        query = "SELECT function_name FROM operation_outputs WHERE workflow_uuid LIKE ?"
        return frozenset(row["function_name"] for run in newest for row in self.rows(query, f"{run['id']}%"))

    def make_old(self) -> None:
        """Give the traffic back to the first ones: what the run made is then what could go."""
        port = json.loads((self.meta / "ready").read_text())["port"]
        with BridgeClient(f"127.0.0.1:{port}") as bridge:
            there = {each.name for each in bridge.list()}
            for name in there & set(OLD):
                bridge.set_score(name, 50)
                bridge.uncordon(name)
            for name in there & set(NEW):
                bridge.cordon(name)
                bridge.set_score(name, 0)

    def bridge_calls(self) -> list[str]:
        """Calls to the bridge that changed something, or were to, in order."""
        path = self.meta / "calls.jsonl"
        lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
        return [_told(line) for line in lines if line["method"] != "List"]

    def end(self) -> None:
        """End all processes and remove all files."""
        daemon.end([daemon.Daemon(name, pid, daemon._birth(pid), "") for pid, _, name in self.programs()], grace=0)
        daemon.end(daemon.strays(self.state), grace=0)
        shutil.rmtree(self.top, ignore_errors=True)


def of_one(top: Path, tools: Path, pipeline: list[Any]) -> World:
    """A world whose run makes one cluster."""
    clusters = [{"prefix": "ea", "region": "europe-west1", "governedBy": "meta", "type": "local"}]
    return World(top, tools, pipeline, workspaceClusters=clusters)


def _told(call: dict[str, Any]) -> str:
    request = call["request"]
    change = " ".join(f"{key}={request[key]}" for key in ("score", "max_score", "cordoned", "force") if key in request)
    result = "" if call["result"] == "OK" else f" refused: {call['result']}"
    return f"{call['method']} {request['name']} {change}".strip() + result

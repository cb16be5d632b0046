"""Runs the program in this process and ends it as a power cut would, by SIGKILL, right before or after a write.

    python driver.py PLAN -- run -c config.yaml …

PLAN is a JSON file: `stop` ({"label", "side"}; none to write all labels down), `labels` (file that gets one line a
write), `left` (pids of an earlier life that must be gone before a program is started), `overlaps` (file that gets what
was not), `acts` ([{"label", "what", "value"}]: before that write set the `clock` that many seconds on, fill the `disk`,
or `ask` the harness to do something, and wait for it), `calls` (what counts as a write too: `api`, those to a
Kubernetes API, but for dry runs; `git`, each call of git), `pid` (file that gets the id of this process). The program
itself has no hook for any of this.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from ws_deployment.clients.git_command import _COMMANDS, GitCommand
from ws_deployment.clients.kube import Kube
from ws_deployment.tools import process

_WRITE = re.compile(r"\s*(INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+(?:\"?main\"?\.)?\"?(\w+)", re.IGNORECASE)
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}(~\d+)?")
#: What a write is told by, beside its table: the first of these parameters that it has.
_TOLD_BY = ("function_name", "workflow_uuid", "status", "name", "wanted")


class Writes:
    """Every committed write of this process, in order; each has a label that is the same in every run."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._stop = (plan["stop"]["label"], plan["stop"]["side"]) if plan.get("stop") else None
        self._acts = plan.get("acts", [])
        self._labels = Path(plan["labels"])
        self._lock = threading.Lock()
        self._seen: collections.Counter[str] = collections.Counter()
        self._open: dict[int, list[str]] = {}
        self._now: dict[int, str] = {}

    def install(self) -> None:
        sa.event.listen(sa.Engine, "before_cursor_execute", self._before)
        sa.event.listen(sa.Engine, "after_cursor_execute", self._after)
        commit = DefaultDialect.do_commit
        rollback = DefaultDialect.do_rollback

        def committing(dialect: DefaultDialect, connection: Any) -> None:
            written = self._open.pop(id(connection.dbapi_connection), None)
            label = self.reach(written) if written else ""
            commit(dialect, connection)
            if label:
                self.passed(label)

        def rolling_back(dialect: DefaultDialect, connection: Any) -> None:
            self._open.pop(id(getattr(connection, "dbapi_connection", connection)), None)
            rollback(dialect, connection)

        DefaultDialect.do_commit = committing  # type: ignore[method-assign]  # this very method is listened to
        DefaultDialect.do_rollback = rolling_back  # type: ignore[method-assign]  # likewise

    def _before(
        self, connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: Any
    ) -> None:
        match = _WRITE.match(statement)
        if not match:
            return
        told = _told(match[1], match[2], statement, context)
        dbapi = connection.connection.dbapi_connection
        if dbapi.isolation_level is None and not dbapi.in_transaction:
            self._now[threading.get_ident()] = self.reach([told])
        else:
            self._open.setdefault(id(dbapi), []).append(told)

    def _after(self, *_: object) -> None:
        if label := self._now.pop(threading.get_ident(), ""):
            self.passed(label)

    def reach(self, written: list[str]) -> str:
        """Say that a write comes now; its label."""
        kind = " + ".join(dict.fromkeys(written))
        with self._lock:
            self._seen[kind] += 1
            label = f"{kind} #{self._seen[kind]}"
            with contextlib.suppress(OSError), self._labels.open("a") as file:  # its disk may be made full
                file.write(f"{label}\n")
            if (label, "before") == self._stop:
                _die()
        for act in self._acts:
            if act["label"] == label:
                _act(act["what"], act.get("value"), self._labels.parent)
        return label

    def passed(self, label: str) -> None:
        """Say that it is made."""
        if (label, "after") == self._stop:
            _die()


def _told(verb: str, table: str, statement: str, context: Any) -> str:
    parameters = context.compiled_parameters[0] if context and context.compiled_parameters else {}
    words = [verb.split(maxsplit=1)[0].lower(), table.removeprefix("wsd_")]
    words += [str(parameters[name]) for name in _TOLD_BY if parameters.get(name) and table != "wsd_events"]
    if table == "wsd_leases":
        words = [words[0], "leases", "renew" if "SET expires" in statement else ""]
    return _RUN_ID.sub("RUN", re.sub(r"cli-[0-9a-f]{32}", "CLI", " ".join(filter(None, words))))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def _act(what: str, value: Any, folder: Path) -> None:
    if what == "clock":
        now = time.time

        def stepped() -> float:
            # gRPC reads the system's clock by itself, too, and would find its deadlines of another time.
            ours = sys._getframe(1).f_globals["__name__"].startswith("ws_deployment")
            return now() + (value if ours else 0)

        time.time = stepped
    elif what == "disk":
        # No file can grow any more, here and in what is started: as on a full disk, and no other test suffers.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    else:
        (folder / "asked").write_text(what)
        while (folder / "asked").exists():
            time.sleep(0.005)


def watch_api(writes: Writes) -> None:
    """Have what is written to a Kubernetes API count as writes."""
    request = Kube._request

    def watched(self: Kube, method: str, path: str, attempted: str, on: str = "", **options: Any) -> Any:
        if method == "get" or options.get("dry_run"):
            return request(self, method, path, attempted, on, **options)
        label = writes.reach([f"{attempted} {on}"])
        done = request(self, method, path, attempted, on, **options)
        writes.passed(label)
        return done

    Kube._request = watched  # type: ignore[method-assign]  # this very method is watched


def watch_git(writes: Writes) -> None:
    """Have every call of git count as a write."""
    completed = GitCommand.completed

    def watched(self: GitCommand, *words: str, **options: Any) -> Any:
        command = next((word for word in words if word in _COMMANDS), words[0])
        label = writes.reach([f"git {command}"])
        try:
            return completed(self, *words, **options)
        finally:
            writes.passed(label)

    GitCommand.completed = watched  # type: ignore[method-assign]  # likewise


def watch_programs(left: list[list[Any]], overlaps: Path) -> None:
    """Note each program of an earlier life that still works when this one starts its own."""
    run = process.run

    def watched(argv: Any, *arguments: Any, **options: Any) -> Any:
        if "version" not in argv[1:2] and "template" not in argv[1:2]:
            here = [name for pid, born, name in left if _lives(pid, born)]
            if here:
                with overlaps.open("a") as file:
                    file.write(f"{Path(argv[0]).name} {argv[1]} beside {', '.join(here)}\n")
        return run(argv, *arguments, **options)

    process.run = watched


def _lives(pid: int, born: float) -> bool:
    try:
        found = psutil.Process(pid)
        return found.create_time() == born and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    """Carry out the program's command under the plan."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    if "pid" in plan:
        Path(plan["pid"]).write_text(str(os.getpid()))
    writes = Writes(plan)
    writes.install()
    for name in plan.get("calls", ()):
        {"api": watch_api, "git": watch_git}[name](writes)
    if plan.get("left"):
        watch_programs(plan["left"], Path(plan["overlaps"]))
    sys.argv = ["ws-deployment", *sys.argv[3:]]
    from ws_deployment.cli.main import main as program  # noqa: PLC0415  after what it uses was patched

    program()


if __name__ == "__main__":
    main()

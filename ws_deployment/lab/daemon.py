"""Starts, finds again and ends the lab's long-lived processes. They outlive the program that starts them.

Each one has a record in its home's `processes` folder: its pid and its birth, so that a pid which the system has
given to another process is never taken for it. Each one also bears its home in its environment: whoever died between
starting a process and recording it leaves a stray, which is found by that mark.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ws_deployment.errors import MissingToolError, TransientError
from ws_deployment.tools.files import read_json, write_json
from ws_deployment.tools.folders import private_folder

#: The variable that each process of the lab has in its environment; its value is the home.
HOME_VARIABLE = "WS_DEPLOYMENT_LAB_PROCESS_OF"
_NEEDED = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
)
#: Seconds between two looks at something that is awaited.
_POLL = 0.01


@dataclass(frozen=True)
class Daemon:
    """A recorded process: which one it is, and where what it says is kept.

    `birth` tells it from a later process with the same pid; it is empty for one that ended as soon as it began.
    """

    name: str
    pid: int
    birth: str
    log: str

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return bool(self.birth) and _birth(self.pid) == self.birth


def start(name: str, argv: Sequence[str], *, home: Path, env: dict[str, str] | None = None) -> Daemon:
    """Start `argv` in `home` as a process of its own session, and record it.

    Its streams go to `home/logs/NAME.log`; it inherits no other open file, so that nobody who waits for the end of a
    pipe of this program waits for it. Of the environment it gets what any program needs, and `env`.

    Raises MissingToolError when the program can't be started.
    """
    log = private_folder(home / "logs") / f"{name}.log"
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=home,
            env={**_inherited(), **(env or {}), HOME_VARIABLE: str(home)},
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            close_fds=True,
            start_new_session=True,
        )
    except OSError as error:
        raise MissingToolError(
            "starting", on=str(argv[0]), why=error.strerror or str(error), remedy="Run `ws-deployment lab tools`."
        ) from error
    finally:
        os.close(handle)
    daemon = Daemon(name, child.pid, _birth(child.pid), str(log))
    write_json(_record(home, name), asdict(daemon))
    child.returncode = 0  # it is not ours to wait for: its end, and the zombie it leaves, are seen to by `end`
    return daemon


def recorded(home: Path) -> list[Daemon]:
    """All processes that `home` has a record of, dead ones included."""
    values = (read_json(path) for path in sorted((home / "processes").glob("*.json")))
    return [Daemon(**value) for value in values if value]


def find(home: Path, name: str) -> Daemon | None:
    """The process called `name` of `home`, if it is alive."""
    value = read_json(_record(home, name))
    daemon = Daemon(**value) if value else None
    return daemon if daemon and daemon.alive() else None


def end(daemons: Iterable[Daemon], *, grace: float) -> None:
    """End the processes with their groups: ask, and after `grace` seconds make them (at once with 0).

    Raises TransientError when one is still there 10 s after it was made to end.
    """
    live = [daemon for daemon in daemons if daemon.alive()]
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if patience:
            for daemon in live:
                _signal(daemon, number)
            live = _remaining(live, patience)
    if live:
        names = ", ".join(f"{daemon.name} ({daemon.pid})" for daemon in live)
        raise TransientError("ending", on=names, why="still there after SIGKILL", remedy="Try again.")


def end_all(home: Path, *, grace: float = 0.0, but: str = "") -> None:
    """End every process of `home`: the recorded ones, and strays that bear its mark. Records are removed.

    The recorded process called `but` goes on.
    """
    kept = find(home, but) if but else None
    end([each for each in recorded(home) if each != kept], grace=grace)
    end_strays(home)
    for path in (home / "processes").glob("*.json"):
        if not kept or path != _record(home, but):
            path.unlink(missing_ok=True)


def end_strays(home: Path) -> None:
    """End at once what bears the mark of `home` and no record knows: who started it died before it was recorded."""
    known = {process.pid for process in recorded(home) if process.alive()}
    end([stray for stray in strays(home) if stray.pid not in known], grace=0.0)


def strays(top: Path) -> list[Daemon]:
    """The live processes that bear the mark of `top` or of a home below it, recorded or not."""
    import psutil  # noqa: PLC0415  30 to 90 ms that a start need not pay

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            home = process.environ().get(HOME_VARIABLE)
            if home and Path(home).is_relative_to(top):
                found.append(Daemon(process.name(), process.pid, _birth(process.pid), ""))
    return [daemon for daemon in found if daemon.birth]


def wait_until(done: Callable[[], bool], *, timeout: float) -> bool:
    """Look every 10 ms whether it is `done`, for `timeout` seconds at most; whether it came to pass."""
    limit = time.monotonic() + timeout
    while not done():
        if time.monotonic() > limit:
            return False
        time.sleep(_POLL)
    return True


def last_lines(daemon: Daemon, count: int = 3) -> str:
    """The last lines that the process wrote: most often why it ended."""
    with contextlib.suppress(OSError):
        lines = Path(daemon.log).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line[:400] for line in lines[-count:])
    return ""


def _inherited() -> dict[str, str]:
    # It lives for days: what its starter was told in confidence (tokens, passwords) is not to live as long.
    return {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith("XDG_")}


def _record(home: Path, name: str) -> Path:
    return private_folder(home / "processes") / f"{name}.json"


def _signal(daemon: Daemon, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # A stray may be a member of another's group; only a leader's group is its own.
        if os.getpgid(daemon.pid) == daemon.pid:
            os.killpg(daemon.pid, number)
        else:
            os.kill(daemon.pid, number)


def _remaining(daemons: list[Daemon], patience: float) -> list[Daemon]:
    live = list(daemons)

    def gone() -> bool:
        live[:] = [daemon for daemon in _reaped(live) if daemon.alive()]
        return not live

    wait_until(gone, timeout=patience)
    return live


def _reaped(daemons: list[Daemon]) -> Iterator[Daemon]:
    for daemon in daemons:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(daemon.pid, os.WNOHANG)
        yield daemon


def _birth(pid: int) -> str:
    """What tells a process from a later one with the same pid; empty for none, or a zombie."""
    if sys.platform == "linux":
        return _birth_from_proc(pid)
    import psutil  # noqa: PLC0415  /proc is quicker where it exists

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""


def _birth_from_proc(pid: int) -> str:
    # Ticks since the boot don't move when the clock is set; a boot has its id (proc(5)).
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"

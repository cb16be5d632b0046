"""What people ask of a run from elsewhere: pause, go on, cancel, approve, take as done. All of it is kept."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ws_deployment.engine import leases
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Run, Store, Wait, Word, opened
from ws_deployment.errors import RefusedError, UsageError


def pause(state: State, name: str) -> Run:
    """Have a run that goes on stop before its next effect, until it is resumed."""
    with opened(state) as store:
        run = store.find(name)
        if not run.live:
            raise RefusedError(
                "pausing", on=f"run {run.id}", why=f"it is {run.status}", remedy="Only what goes on can be paused."
            )
        store.update(run.id, wanted="pause")
        return run


def unpause(state: State, name: str) -> str:
    """Have a paused run go on in the process that is at it; its id, empty where no process is at it."""
    with opened(state) as store:
        run = store.find(name)
        if run.wanted == "pause" and run.live:
            store.update(run.id, wanted="")
            return run.id
        return ""


def cancel(state: State, name: str) -> Run:
    """End a run. A process that is at it stops cleanly; one that nobody is at is ended here.

    Nothing is undone.
    """
    with opened(state) as store:
        run = store.find(name)
        if run.finished is not None:
            raise RefusedError("cancelling", on=f"run {run.id}", why=f"it is {run.status}", remedy="It has ended.")
        if _attended(store, run):
            store.update(run.id, wanted="cancel")
        else:
            store.finish(run.id, Status.CANCELLED)
            store.end_wait(run.id)
            leases.give_up(store.engine, run.id)
        return store.find(run.id)


def approve(state: State, name: str, task: str = "", reason: str = "") -> Wait:
    """Say yes to what a run waits for: to `task`, or to the one question that is open."""
    with opened(state) as store:
        run = store.find(name)
        asked = [wait for wait in store.waits(run.id) if wait.until is None]
        fitting = [wait for wait in asked if task in {"", wait.task, f"{wait.task}/{wait.subtask}"}]
        if len(fitting) != 1:
            open_ones = ", ".join(f"{wait.task}/{wait.subtask}" for wait in asked) or "nothing"
            raise RefusedError(
                "approving",
                on=f"run {run.id}",
                why=f"{task or 'one question'} is not what it waits for; it waits for {open_ones}",
                remedy="Name one with --task." if asked else f"See `ws-deployment runs show {run.id}`.",
            )
        wait = fitting[0]
        store.say(run.id, Word("approve", f"{wait.task}/{wait.subtask}", _who(), reason, time.time()))
        return wait


@dataclass(frozen=True)
class Due:
    """A run that can go on, and why."""

    run: str
    why: str


def due(state: State, *, interrupted: bool = False) -> list[Due]:
    """Runs that nobody is at and that wait for nothing any more; with `interrupted` those that were cut off too."""
    with opened(state) as store:
        found = []
        for run in reversed(store.runs()):
            if run.finished is not None or run.detached or run.wanted or _attended(store, run):
                continue
            if run.status is Status.INTERRUPTED and interrupted:
                found.append(Due(run.id, "its process was cut off"))
            elif run.status is Status.WAITING:
                found += [Due(run.id, why) for why in _come(store, run)][:1]
        return found


def _come(store: Store, run: Run) -> Iterator[str]:
    """What the run waited for that has come."""
    approved = {word.task for word in store.words(run.id, "approve")}
    for wait in store.waits(run.id):
        if wait.until is not None and wait.until <= time.time():
            yield f"the time of {wait.task}/{wait.subtask} has come"
        elif wait.until is None and f"{wait.task}/{wait.subtask}" in approved:
            yield f"{wait.task}/{wait.subtask} is approved"


def mark_done(state: State, name: str, task: str, reason: str) -> Run:
    """Note that a task was done by hand; a retry takes it for done if its verification holds."""
    with opened(state) as store:
        run = store.find(name)
        keys = store.record(run.id)["tasks"]
        if task not in keys:
            raise UsageError("marking", on=task, why="the run has no such task", remedy=f"It has: {', '.join(keys)}.")
        if run.finished is None or run.status in {Status.DONE, Status.ROLLED_BACK}:
            raise RefusedError(
                "marking",
                on=f"{task} of run {run.id}",
                why=f"the run is {run.status}",
                remedy="Mark tasks of a run that failed or was cancelled, then retry it.",
            )
        store.say(run.id, Word("mark-done", task, _who(), reason, time.time()))
        return run


def shall_be_undone(state: State, name: str) -> bool:
    """Whether a run failed, is to be taken back for that, and nobody has undone it yet."""
    if not state.exists:
        return False
    with opened(state) as store:
        try:
            run = store.find(name)
        except UsageError:
            return False  # it was refused before it began
        return wants_undoing(store, run)


def wants_undoing(store: Store, run: Run) -> bool:
    """Whether a run failed, is no rollback itself, and its config or one of its gates wants it taken back."""
    if run.kind != "run" or run.status not in {Status.FAILED, Status.TURNED_BACK}:
        return False
    wanted = store.record(run.id)["config"].get("defaults", {}).get("onFailure")
    return wanted == "rollback" or bool(store.words(run.id, "recall"))


def _attended(store: Store, run: Run) -> bool:
    """Whether a process is at the run; a queued one is nobody's yet."""
    if run.detached:
        return run.status is not Status.QUEUED and any(
            lease.name.startswith("worker/") and lease.live and not leases.gone(lease.pid, lease.process)
            for lease in leases.held(store.engine)
        )
    found = leases.held(store.engine, [f"run/{run.id}"])
    return any(lease.live and not leases.gone(lease.pid, lease.process) for lease in found)


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"

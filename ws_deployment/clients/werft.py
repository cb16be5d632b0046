"""Starts a team's job in werft, waits for it, stops it. What the job does is the team's matter.

`werft` itself is asked: `--follow` and `job logs` can miss the end and hang, so a job is polled by `job get`.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ws_deployment.errors import CancelledError, TransientError, UsageError, WsDeploymentError
from ws_deployment.tools.process import Cancelled, Completed, run

#: Seconds for one call of the program.
CALL_TIMEOUT = 60.0
_PASSING = re.compile(r"unavailable|refused|deadline|timeout|no route|no such host|EOF|reset", re.IGNORECASE)
#: Of these, the ones that say that werft was not even reached.
_NEVER_THERE = re.compile(r"connection refused|no route|no such host|error while dialing", re.IGNORECASE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class JobFailedError(WsDeploymentError):
    """The job came to its end without success."""


class UnknownJobError(WsDeploymentError):
    """werft knows no job of that name."""


class UncertainStartError(WsDeploymentError):
    """The job may have been started: the answer that would have told its name was lost."""


@dataclass(frozen=True)
class Job:
    """What to run: a repository (`[host/]owner/repo`), a bare branch, the path of the job's file in it, annotations."""

    repository: str
    branch: str
    path: str
    annotations: Mapping[str, str]

    def argv(self) -> list[str]:
        """The words for `werft`. Raises UsageError for an annotation that werft would tear apart."""
        words = ["run", "github", f"{self.repository}:{self.branch}", "--remote-job-path", self.path]
        for key, value in self.annotations.items():
            if "," in f"{key}{value}" or "=" in key:
                raise UsageError(
                    "starting the job",
                    on=self.path,
                    why=f"the annotation {key} has a comma or its name an equals sign, where werft splits annotations",
                    remedy="Write it without.",
                )
            words += ["-a", f"{key}={value}"]
        return words


@dataclass(frozen=True)
class JobStatus:
    """Where a job stands. `success` means nothing before `done`: a job that is preparing has it too."""

    name: str
    phase: str
    success: bool
    details: str = ""

    @property
    def done(self) -> bool:
        """Whether the job has come to its end."""
        return self.phase == "PHASE_DONE"


class Werft:
    """The program `werft`, with `env` (WERFT_HOST, WERFT_TLS_MODE and so on) over the environment."""

    def __init__(
        self,
        program: str = "werft",
        *,
        env: Mapping[str, str] | None = None,
        cancelled: Cancelled | None = None,
        poll: float = 5.0,
    ) -> None:
        self._program = program
        self._env = {**os.environ, **(env or {})}
        self._cancelled = cancelled
        self._poll = poll

    def start(self, job: Job) -> str:
        """Start a job and return its name. That it was started says nothing of how it ends.

        Raises TransientError when werft can't be reached, UncertainStartError when its answer was lost, and
        WsDeploymentError when it refuses. Only the first may be tried again without a look.
        """
        attempted, on = "starting the job", f"{job.path} of {job.repository}"
        try:
            done = self._call(job.argv())
        except TransientError as error:
            raise _uncertain(attempted, on, error.why) from error
        name = _COLOURS.sub("", done.stdout).partition("\n")[0].strip()
        if not done.code and name:
            return name
        failure = _failure(attempted, on, done)
        if not done.code or (failure.transient and not _NEVER_THERE.search(failure.why)):
            raise _uncertain(attempted, on, failure.why)
        raise failure

    def status(self, name: str) -> JobStatus:
        """Where the job stands. Raises UnknownJobError, TransientError."""
        done = self._call(["job", "get", name, "-o", "json"])
        if done.code:
            raise _failure("asking for the job", name, done)
        try:
            told = json.loads(done.stdout)
            # Zero values are left out: no phase is PHASE_UNKNOWN, no success is a failure.
            conditions = told.get("conditions") or {}
            return JobStatus(
                name, told.get("phase", "PHASE_UNKNOWN"), conditions.get("success", False), told.get("details", "")
            )
        except (ValueError, AttributeError) as error:
            raise TransientError("asking for the job", on=name, why=f"the answer is no JSON ({error})") from error

    def wait(self, name: str, timeout: float, tell: Callable[[JobStatus], None] = lambda _: None) -> None:
        """Wait until the job has succeeded, at most `timeout` seconds; `tell` gets each new phase.

        Raises JobFailedError, UnknownJobError, CancelledError, or TransientError when time is up. The job goes on in
        the last two cases: stopping it is the caller's decision. A werft that does not answer is asked again.
        """
        end = time.monotonic() + timeout
        phase, trouble = "", ""
        while True:
            try:
                status = self.status(name)
            except TransientError as error:
                trouble = f"; werft did not answer: {error.why}"
            else:
                trouble = ""
                if status.phase != phase:
                    phase = status.phase
                    tell(status)
                if status.done:
                    _check_success(status)
                    return
            if time.monotonic() + self._poll > end:
                why = f"not at its end after {timeout:g} s ({phase or 'phase not known'}){trouble}"
                raise TransientError("waiting for the job", on=name, why=why, remedy=f"See `werft job logs {name}`.")
            self._sleep(name)

    def stop(self, name: str) -> None:
        """Stop a job. Raises UnknownJobError, TransientError."""
        done = self._call(["job", "stop", name])
        if done.code:
            raise _failure("stopping the job", name, done)

    def _sleep(self, name: str) -> None:
        end = time.monotonic() + self._poll
        while (left := end - time.monotonic()) > 0:
            if self._cancelled and self._cancelled.is_set():
                raise CancelledError("waiting for the job", on=name, why="asked to stop; the job goes on")
            time.sleep(min(left, 0.1))

    def _call(self, words: Sequence[str]) -> Completed:
        return run([self._program, *words], env=self._env, timeout=CALL_TIMEOUT, cancelled=self._cancelled)


def _check_success(status: JobStatus) -> None:
    if not status.success:
        raise JobFailedError(
            "running the job",
            on=status.name,
            why=status.details or "it ended without success",
            remedy=f"See `werft job logs {status.name}`.",
        )


def _uncertain(attempted: str, on: str, why: str) -> UncertainStartError:
    return UncertainStartError(attempted, on=on, why=why, remedy="Look whether it runs: `werft job list`.")


def _failure(attempted: str, on: str, done: Completed) -> WsDeploymentError:
    said = _COLOURS.sub("", done.stderr or done.stdout).strip()
    why = said.splitlines()[-1] if said else f"werft ended with exit code {done.code}"
    if "not found" in said.lower():
        return UnknownJobError(attempted, on=on, why=why, remedy="Check the repository, the branch and the job's name.")
    passing = _PASSING.search(said)
    remedy = "Check WERFT_HOST, WERFT_DIAL_MODE and that werft answers."
    return (TransientError if passing else WsDeploymentError)(attempted, on=on, why=why, remedy=remedy)

"""Moves traffic by the team's own werft job: one job a stage, started once and waited for.

The job gets annotations: `meta`, `percent` (what the new clusters shall take), `scores` (`eu16:90 eu17:10`: those to
be reached; a cluster with 0 shall take no starts), `run`, and what the config adds. A rollback is a job of 0 percent
with the scores from before the shift. Weights are read at the bridge, before and after.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ws_deployment.config.duration import Duration
from ws_deployment.errors import CancelledError, WsDeploymentError
from ws_deployment.interfaces import ITrafficRouter, Parameters, Registration, Stage, SubTask
from ws_deployment.tools.files import read_json, write_json
from ws_deployment_steps.bridge_access import connected, registrations
from ws_deployment_steps.routers import writes

if TYPE_CHECKING:
    from ws_deployment.clients.werft import Job, Werft


class WerftParameters(Parameters):
    """Options of `via: werft`."""

    repository: str = Field(pattern=r"^([\w.-]+/)?[\w.-]+/[\w.-]+$", description="[host/]owner/repo of the job.")
    branch: str = Field(default="main", min_length=1, description="Bare name of the branch.")
    job: str = Field(description="Path of the job's file in the repository, like .werft/shift-traffic.yaml.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Further annotations; no commas.")
    program: str = Field(default="werft", description="Name on PATH, or a path.")
    environment: dict[str, str] = Field(
        default_factory=dict, description="WERFT_HOST, WERFT_DIAL_MODE, WERFT_TLS_MODE and so on."
    )
    poll: Duration = Field(default=5.0, gt=0, description="Wait between two looks at the job.")


class WerftRouter(ITrafficRouter):
    """The program `werft`."""

    parameters_model = WerftParameters
    parameters: WerftParameters
    exact = False

    def registrations(self) -> Sequence[Registration]:
        """All clusters that the bridge knows, with their weights."""
        with connected(self.context, self.meta) as client:
            return registrations(client.list())

    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        """One job, where there is anything to write."""
        if not stage.writes:
            return ()
        scores = " ".join(f"{name}:{score}" for name, score in sorted(stage.scores.items()))
        level = f"{stage.percent:g}"
        summary = f"run {self.parameters.job} of {self.parameters.repository}: {level} %, {scores}"
        data = {"percent": level, "scores": scores, "writes": [writes.data(write) for write in stage.writes]}
        return (SubTask(f"{level}%/job", summary, data=data),)

    def carry_out(self, subtask: SubTask) -> None:
        """Start the job unless it was started, and wait for its success.

        The job's name is kept in the meta cluster's folder before it is waited for, so that whoever goes on after a
        crash waits for the same job. Raises JobFailedError; UncertainStartError when it is not known whether it
        was started: a second job would shift twice.
        """
        from ws_deployment.clients.werft import JobFailedError, UnknownJobError  # noqa: PLC0415  where it is used

        werft = self._werft()
        kept = _Kept(self.context.folder / f"werft-{self.context.run_id}.json", subtask.name)
        name = kept.name() or self._start(werft, subtask, kept)
        self.context.progress(f"job {name}")
        try:
            werft.wait(
                name,
                timeout=self.context.deadline - time.monotonic(),
                tell=lambda status: self.context.progress(f"job {name}: {status.phase}"),
            )
        except (JobFailedError, UnknownJobError):
            # Another attempt, asked for after a look at this one, starts another job.
            kept.forget()
            raise

    def _start(self, werft: Werft, subtask: SubTask, kept: _Kept) -> str:
        from ws_deployment.clients.werft import UncertainStartError  # noqa: PLC0415  where it is used

        kept.check_certain()
        job = self._job(subtask)
        kept.intend()
        try:
            name = werft.start(job)
        except (UncertainStartError, CancelledError):
            raise
        except WsDeploymentError:
            kept.forget()
            raise
        kept.remember(name)
        return name

    def _job(self, subtask: SubTask) -> Job:
        from ws_deployment.clients.werft import Job  # noqa: PLC0415  where it is used

        told = {"meta": self.meta.name, "run": self.context.run_id}
        told |= {key: str(subtask.data[key]) for key in ("percent", "scores")}
        annotations = {**self.parameters.annotations, **told}
        return Job(self.parameters.repository, self.parameters.branch, self.parameters.job, annotations)

    def _werft(self) -> Werft:
        from ws_deployment.clients.werft import Werft  # noqa: PLC0415  where it is used

        return Werft(
            self.parameters.program,
            env=self.parameters.environment,
            cancelled=self.context.cancelled,
            poll=self.parameters.poll,
        )


class _Kept:
    """What is known of a sub-task's job: nothing, that it was about to be started, or its name."""

    def __init__(self, file: Path, key: str) -> None:
        self._file = file
        self._key = key

    def name(self) -> str:
        """The job's name, empty while it is not known."""
        return str(self._all().get(self._key) or "")

    def check_certain(self) -> None:
        """Raise UncertainStartError where a start was begun whose end nobody knows."""
        from ws_deployment.clients.werft import UncertainStartError  # noqa: PLC0415  where it is used

        if self._key in self._all():
            raise UncertainStartError(
                "starting the job of",
                on=self._key,
                why="an earlier attempt was cut off while it started the job, which may run",
                remedy=f"Look at werft; then write its name in {self._file}, or remove that file if there is none.",
            )

    def intend(self) -> None:
        """Note that the job is about to be started."""
        self._write({**self._all(), self._key: ""})

    def remember(self, name: str) -> None:
        """Note the job's name."""
        self._write({**self._all(), self._key: name})

    def forget(self) -> None:
        """Note that there is no such job."""
        self._write({key: name for key, name in self._all().items() if key != self._key})

    def _all(self) -> dict[str, Any]:
        return read_json(self._file) or {}

    def _write(self, value: dict[str, Any]) -> None:
        write_json(self._file, value)

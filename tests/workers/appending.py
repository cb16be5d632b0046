"""A step of the tests' own, installed beside the program: each task appends to a file that it begins and ends."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import IStep, Outputs, Parameters, StepContext, StepPlan, SubTask, Undo


class AppendParameters(Parameters):
    """Where the effects are written, how long each takes, and a file that each waits for."""

    file: str
    seconds: float = 0.0
    hold: float = 0.0
    ask: bool = False
    fails: tuple[str, ...] = ()
    gate: str = ""


class Append(IStep[AppendParameters]):
    """Leave two lines in a file."""

    summary = "Leave two lines in a file."
    parameters_model = AppendParameters

    def plan(self, context: StepContext) -> StepPlan:
        """One effect, after what is waited for."""
        waits = [SubTask("hold", hold=self.parameters.hold)] if self.parameters.hold else []
        waits += [SubTask("ask", approval="Shall it go on?")] if self.parameters.ask else []
        return StepPlan(f"append {_name(context)}", subtasks=(*waits, SubTask("run")))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        """Do the effect."""
        self._write(context, "begin", subtask.name)
        end = time.monotonic() + self.parameters.seconds
        while (time.monotonic() < end or self._closed()) and not context.cancelled.is_set():
            time.sleep(0.01)
        self._write(context, "end", subtask.name)
        if _name(context) in self.parameters.fails and not Path(f"{self.parameters.file}.mended").exists():
            raise WsDeploymentError("appending", on=_name(context), why="told to fail")
        return {"by": os.getpid()}

    def _closed(self) -> bool:
        return bool(self.parameters.gate) and not Path(self.parameters.gate).exists()

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """One effect."""
        return StepPlan(f"undo {_name(context)}", subtasks=(SubTask("undo"),) if undo.finished else ())

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:  # noqa: ARG002  one way
        """Do it."""
        self._write(context, "begin", subtask.name)
        self._write(context, "end", subtask.name)

    def _write(self, context: StepContext, what: str, subtask: str) -> None:
        line = {"task": _name(context), "what": what, "subtask": subtask, "worker": os.getpid(), "at": time.time()}
        handle = os.open(self.parameters.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{json.dumps(line)}\n".encode())
        finally:
            os.close(handle)


def _name(context: StepContext) -> str:
    return context.output.stem

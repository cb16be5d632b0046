"""Waits until nobody works on a cluster any more, for as long as it takes: asked of the cluster itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ws_deployment.config.duration import format_duration
from ws_deployment.errors import CancelledError, WsDeploymentError
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.interfaces import NotYetError, StepContext
from ws_deployment_steps.in_use import workspaces

#: Seconds between two looks at first, and at most.
_FIRST, _MOST = 1.0, 10.0
#: Looks that must find it empty, one after the other: a start may have been under way when it was cordoned.
_LOOKS = 2
#: Seconds that a look may take.
_ANSWER = 60.0
#: In the cluster's folder: since when the run waits.
_SINCE = "draining.json"

#: Asks a person; what its context gives tells who has said yes, empty while nobody has.
Question = Callable[[str], AbstractContextManager[Callable[[], str]]]


def at_work(context: StepContext) -> Counter[str]:
    """The workspaces on the context's cluster by kind; none where there is no such cluster any more.

    Raises WsDeploymentError where nobody knows: that it does not answer does not make it empty.
    """
    try:
        return workspaces(context)
    except NotYetError:
        # Where several machines share the state, another one may have what this one does not see.
        seen_from_here = not context.shared or instance_folder(context.folder).exists()
        if seen_from_here and not context.cluster_type(context.cluster.type).remains(context):
            return Counter()
        raise


class Draining:
    """The wait for one cluster, the context's. `run` is the run that waits, `ask` its question, `limit` in seconds.

    A cluster that does not answer is not empty. What has no end by `limit` is a question to a person: a yes means
    another `limit`, and until then it goes on looking. Nothing makes it end but an empty cluster.
    """

    def __init__(self, context: StepContext, run: str, ask: Question, limit: float) -> None:
        self._context = context
        self._run = run
        self._ask = ask
        self._limit = limit
        self._most = 0
        self._told = ""

    def wait(self, check: Callable[[], None]) -> int:
        """Return when it is empty: how many workspaces were seen at most. `check` is called before each look."""
        context = self._context
        since = self._since()
        while not self._empty_by(since + self._limit, check, lambda: ""):
            waited = format_duration(time.time() - since)
            text = f"{context.cluster.short_name}: {self._told} after {waited}. Wait on for as long again?"
            with self._ask(text) as who:
                if self._empty_by(None, check, who):
                    break
            since = self._since(anew=True)
        return self._most

    def _empty_by(self, end: float | None, check: Callable[[], None], answered: Callable[[], str]) -> bool:
        """Look until it is empty; False at the `end` (seconds since the epoch), or when somebody has answered."""
        pause, empty = _FIRST, 0
        while True:
            check()
            left = self._left()
            empty = empty + 1 if left is not None and not left.total() else 0
            if empty == _LOOKS:
                return True
            self._tell(left)
            if (end is not None and time.time() >= end and not empty) or answered():
                return False
            self._sleep(_FIRST if empty else pause)
            pause = min(pause * 1.3, _MOST)

    def _left(self) -> Counter[str] | None:
        """The workspaces that are left; None where nobody knows."""
        context = self._context
        context.deadline = time.monotonic() + _ANSWER
        try:
            return at_work(context)
        except CancelledError:
            raise
        except WsDeploymentError as error:
            self._say(f"it does not answer, so nobody knows who works on it: {error.why}")
            return None

    def _tell(self, left: Counter[str] | None) -> None:
        if left is None:
            return
        total = left.total()
        self._most = max(self._most, total)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(left.items()))
        self._say(f"{total} of {self._most} workspaces left: {kinds}" if total else "no workspace is left")

    def _say(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._context.progress(f"{self._context.cluster.short_name}: {text}")

    def _since(self, *, anew: bool = False) -> float:
        """Since when (seconds since the epoch) the run waits, also where a process before this one has begun to."""
        from ws_deployment.tools.files import read_json, write_json  # noqa: PLC0415  loaded when used
        from ws_deployment.tools.folders import private_folder  # noqa: PLC0415  loaded when used

        path = private_folder(self._context.folder) / _SINCE
        told: Any = read_json(path)
        if not anew and isinstance(told, dict) and told.get("run") == self._run:
            return float(told["since"])
        now = time.time()
        write_json(path, {"run": self._run, "since": now})
        return now

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._context.cancelled.is_set():
                on = self._context.cluster.short_name
                raise CancelledError("waiting for the workspaces on", on=on, why="asked to stop")
            time.sleep(min(left, 0.2))

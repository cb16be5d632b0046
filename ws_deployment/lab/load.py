"""Users for the lab: starts workspaces at a meta cluster at a steady rate and counts where they land.

How that is shown is the command's matter; where the bridge is, its home folder tells.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.lab.bridge.starter import Order, Started

#: Placements that a share is counted over.
WINDOW = 100
#: Seconds between two looks at how many starts are due.
_TICK = 0.05
#: Starts in one request, and seconds for it: a Pod takes 5 ms to make, and a hundred times that where the machine is
#: busy with other things.
_AT_ONCE = 25
_TIMEOUT = 30.0
#: Seconds for which a bridge that has answered before may be away: it is being restarted.
_PATIENCE = 30.0


@dataclass(frozen=True)
class Snapshot:
    """How the load stands: seconds since its begin, starts in all and failed ones by cluster, recent placements.

    Starts that no cluster took, or that a bridge which was away never heard of, are told under the empty name.
    """

    elapsed: float
    started: Mapping[str, int]
    failed: Mapping[str, int]
    recent: Mapping[str, int]
    last_error: str = ""

    @property
    def shares(self) -> dict[str, float]:
        """Percent of the recent placements, by cluster, the greatest first."""
        total = sum(self.recent.values())
        return {name: 100 * count / total for name, count in sorted(self.recent.items(), key=lambda item: -item[1])}


class Load:
    """One load at one meta cluster. Leaving its context stops all workspaces that it has started.

    `rate` is in starts a second; each workspace runs for `lifetime` seconds. With `pods` false starts are placed
    only, and nothing runs. `permissions` and `feature_preview` are those of its users.
    """

    def __init__(
        self,
        home: Path,
        *,
        rate: float,
        lifetime: float,
        pods: bool = True,
        permissions: Sequence[str] = (),
        feature_preview: bool = False,
    ) -> None:
        self._web = _Web(home)
        self._rate = rate
        self._order = Order(
            pods=pods,
            duration=lifetime,
            session=f"load-{uuid.uuid4().hex[:12]}",
            permissions=tuple(permissions),
            feature_preview=feature_preview,
        )
        self._started: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._recent: deque[str] = deque(maxlen=WINDOW)
        self._last_error = ""
        #: When the bridge answered last; None before it ever has.
        self._answered: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What can't be stopped now ends by itself after its lifetime.
        with contextlib.suppress(WsDeploymentError):
            self._web.call("DELETE", f"/workspaces?session={self._order.session}")

    def run(self, duration: float | None = None, interval: float = 1.0) -> Iterator[Snapshot]:
        """Start workspaces for `duration` seconds, or for ever; tell how it stands every `interval` seconds.

        Raises TransientError when the bridge does not answer at first, or for longer than a restart takes.
        """
        begin = time.monotonic()
        sent, told = 0, 0.0
        while True:
            elapsed = time.monotonic() - begin
            due = int(min(elapsed, duration or elapsed) * self._rate) - sent
            if now := min(due, _AT_ONCE):
                self._start(now)
                sent += now
            over = duration is not None and elapsed >= duration and now == due
            if over or elapsed - told >= interval:
                told = elapsed
                yield self._snapshot(elapsed)
            if over:
                return
            if now == due:
                time.sleep(_TICK)

    def _start(self, count: int) -> None:
        try:
            answer = self._web.call("POST", "/workspaces", asdict(self._order) | {"count": count})
        except TransientError as error:
            if self._answered is None or time.monotonic() - self._answered > _PATIENCE:
                raise
            # These users have seen an error page; nobody tries again for them.
            self._count(Started("", "", error.why) for _ in range(count))
        else:
            self._answered = time.monotonic()
            self._count(Started(**told) for told in answer["started"])

    def _count(self, started: Iterable[Started]) -> None:
        for each in started:
            self._started[each.cluster] += 1
            self._recent.append(each.cluster)
            if each.error:
                self._failed[each.cluster] += 1
                self._last_error = each.error

    def _snapshot(self, elapsed: float) -> Snapshot:
        return Snapshot(elapsed, dict(self._started), dict(self._failed), Counter(self._recent), self._last_error)


class _Web:
    """Calls to the bridge's HTTP port."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def call(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and return the answer. The port is read anew each time: the bridge may have been restarted."""
        try:
            port = json.loads((self._home / "ready").read_text(encoding="utf-8"))["metrics_port"]
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)) as connection:
                connection.request(verb, path, json.dumps(body) if body else None)
                answer = connection.getresponse()
                told: dict[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TransientError(
                "starting workspaces at",
                on=self._home.name,
                why=f"its bridge does not answer ({error})",
                remedy="Start the lab: `ws-deployment lab up`.",
            ) from error
        if answer.status != http.HTTPStatus.OK:
            raise WsDeploymentError("starting workspaces at", on=self._home.name, why=str(told.get("error", told)))
        return told

"""Warms new clusters up: before a stage there has to be room on them for the workspaces that it will bring.

How many these are is told by the workspaces of now: running ones never move, so a cluster that takes a share of the
starts comes to have that share of all workspaces. The clusters themselves are asked, old ones and new.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ws_deployment.config.duration import Duration, format_duration
from ws_deployment.errors import CancelledError, TransientError, WsDeploymentError
from ws_deployment.fleet.siblings import sibling
from ws_deployment.interfaces import (
    NotYetError,
    Outputs,
    Parameters,
    StepContext,
    SubTask,
    TurnBackError,
    Verdict,
    WorkspaceCluster,
)
from ws_deployment.traffic.room import Need, NodeRoom, mean, to_come, without_room
from ws_deployment_steps import in_use, reserve_pods
from ws_deployment_steps.questions import Questions
from ws_deployment_steps.reserve_pods import ReserveParameters

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube, Object

#: The label of nodes that take workspaces of a kind; all but regular ones are headless.
_NODES = {
    "regular": "gitpod.io/workload_workspace_regular",
    "headless": "gitpod.io/workload_workspace_headless",
}
#: Seconds between two looks at new clusters, and at old ones, which have far more Pods.
_EVERY, _OLD_EVERY = 2.0, 30.0
#: Seconds between two times that it is told what is waited for.
_REMIND = 60.0
#: Seconds between two looks at whether to stop.
_TICK = 0.2


class WarmupParameters(Parameters):
    """What has to be there before a stage."""

    room: float = Field(
        default=1.0,
        ge=0.1,
        le=10,
        description="There must be room for so many times the workspaces that the stage will bring.",
    )
    limit: Duration = Field(default=1800.0, gt=0, description="How long to wait for it before each stage.")
    on_limit: Literal["hold", "ask", "rollback"] = Field(
        default="ask", description="What no room by then leads to; `hold` waits on."
    )
    reserve: ReserveParameters | None = Field(
        default=None,
        description="Start Pods that keep the room, for which an autoscaler makes nodes; `{}` for the usual ones.",
    )


@dataclass(frozen=True)
class Room:
    """What is waited for before the stage `percent`: room for `shares` (percent by short name) of all workspaces."""

    percent: float
    shares: Mapping[str, float]
    old: Sequence[str]

    @property
    def stage(self) -> str:
        """The stage, for people."""
        return f"{self.percent:g} %"


def subtask(wanted: WarmupParameters, percent: float) -> SubTask:
    """The wait before a stage, without its data."""
    enough = f"{wanted.room:g} times " if wanted.room != 1 else ""
    by = {"hold": "however long", "ask": "then a person is asked", "rollback": "then it turns back"}[wanted.on_limit]
    pods = ", kept by Pods of low priority" if wanted.reserve else ""
    summary = (
        f"wait until the new clusters have room for {enough}{percent:g} % of the workspaces{pods}; "
        f"for {format_duration(wanted.limit)}, {by}"
    )
    return SubTask(f"{percent:g}%/warmup", summary, watches=True)


def check(context: StepContext, old: Sequence[str]) -> Verdict:
    """Whether the old clusters can be asked for their workspaces."""
    for name in old:
        try:
            _kube(context, name).version()
        except NotYetError as error:
            return context.missing(
                f"how many workspaces are to come can't be asked of {name}: {error.why}",
                "Leave `warmup` out; or use the config of the fleet that made it.",
            )
    return Verdict.proceed()


def warmed(
    context: StepContext,
    wanted: WarmupParameters,
    room: Room,
    turn_back: Callable[[Sequence[str], str, str], TurnBackError],
) -> Outputs:
    """Wait until there is room on all new clusters; who let it go on without, by question.

    Raises TurnBackError where there is none by the limit and the config says so, or where the run is taken back.
    """
    with Questions(context) as questions:
        return _Warming(context, wanted, room, turn_back, questions).to_the_end()


def release(context: StepContext, names: Iterable[str]) -> None:
    """Take away the Pods that keep room on clusters. One that does not answer keeps them: they give way anyway."""
    for name in names:
        try:
            reserve_pods.release(_kube(context, name), context.run_id)
        except CancelledError:
            raise
        except WsDeploymentError as error:
            context.progress(f"{name}: Pods that keep room may be left: {error.why}")


def reserved(context: StepContext, names: Iterable[str]) -> list[str]:
    """On which of the clusters Pods keep room for this run, as far as they answer."""
    found = []
    for name in names:
        with contextlib.suppress(WsDeploymentError):
            found += [name] if reserve_pods.left(_kube(context, name), context.run_id) else []
    return found


@dataclass
class _Kind:
    """Workspaces of a kind on all clusters of the shift: what each asks for, and what one of them tolerates."""

    requests: list[Mapping[str, Any]] = field(default_factory=list)
    tolerations: Sequence[Mapping[str, Any]] = ()


@dataclass
class _Warming:
    context: StepContext
    wanted: WarmupParameters
    room: Room
    turn_back: Callable[[Sequence[str], str, str], TurnBackError]
    questions: Questions
    old: dict[str, list[Object]] = field(default_factory=dict)
    old_at: float = 0.0
    told: str = ""
    told_at: float = 0.0

    def to_the_end(self) -> Outputs:
        before = max(time.time() - self.context.began, 0.0) if self.context.began else 0.0
        end = time.monotonic() - before + self.wanted.limit
        while lacking := self._lacking():
            why = "; ".join(f"{name} {what}" for name, what in lacking.items())
            self._say(why)
            if time.monotonic() >= end and self._may_go_on(tuple(lacking), why):
                return {"approved": self.questions.approved}
            self._sleep()
        self.context.progress(f"there is room for {self.room.stage}")
        return {}

    def _lacking(self) -> dict[str, str]:
        """What each cluster lacks, by short name; what can't be asked lacks an answer."""
        lacking: dict[str, str] = {}
        there = dict(self._look_at_old(lacking))
        for name in self.room.shares:
            self._ask(name, there, lacking)
        if lacking:
            return lacking
        kinds = self._kinds(there.values())
        for name in self.room.shares:
            try:
                if missing := self._missing(name, there[name], kinds):
                    lacking[name] = missing
            except TransientError as error:
                lacking[name] = f"does not answer: {error.why}"
        return lacking

    def _look_at_old(self, lacking: dict[str, str]) -> dict[str, list[Object]]:
        if self.old.keys() >= set(self.room.old) and time.monotonic() - self.old_at < _OLD_EVERY:
            return self.old
        found: dict[str, list[Object]] = {}
        for name in self.room.old:
            self._ask(name, found, lacking)
        self.old, self.old_at = found, time.monotonic()
        return found

    def _ask(self, name: str, found: dict[str, list[Object]], lacking: dict[str, str]) -> None:
        try:
            pods = _kube(self.context, name).list("v1", "Pod", selector=in_use.WORKSPACE)
        except (TransientError, NotYetError) as error:
            lacking[name] = f"does not answer: {error.why}"
            return
        found[name] = [pod for pod in pods if in_use.is_workspace(pod, self.context.run_id) and _goes_on(pod)]

    def _kinds(self, pods: Iterable[list[Object]]) -> dict[str, _Kind]:
        from ws_deployment.clients.kube_room import requests  # noqa: PLC0415  loaded when used

        kinds: dict[str, _Kind] = {}
        for pod in (pod for of_one in pods for pod in of_one):
            kind = kinds.setdefault(_kind(pod), _Kind())
            kind.requests.append(requests(pod))
            kind.tolerations = kind.tolerations or pod["spec"].get("tolerations", ())
        return kinds

    def _missing(self, name: str, there: Sequence[Object], kinds: Mapping[str, _Kind]) -> str:
        """What a new cluster lacks; empty where it has room for all that is to come."""
        from ws_deployment.clients.kube_room import free, takes_pods  # noqa: PLC0415  loaded when used

        share, times = self.room.shares[name], self.wanted.room
        has = [_kind(pod) for pod in there if pod["spec"].get("nodeName")]
        needs = {
            kind: Need(to_come(len(one.requests), share, times, has.count(kind)), mean(one.requests))
            for kind, one in kinds.items()
        }
        kube = _kube(self.context, name)
        nodes = kube.list("v1", "Node")
        left = free(nodes, kube.list("v1", "Pod"))
        taking = [
            NodeRoom(frozenset(its), left[node["metadata"]["name"]])
            for node in nodes
            if (its := [kind for kind in needs if _is_for(node, kind) and takes_pods(node, kinds[kind].tolerations)])
        ]
        missing = without_room(taking, needs)
        if missing and self.wanted.reserve:
            tolerations = {kind: one.tolerations for kind, one in kinds.items()}
            owner = (self.context.run_id, self.context.fleet.name)
            reserve_pods.keep(kube, self.wanted.reserve, owner, needs, nodes=_NODES, tolerations=tolerations)
        told = (f"{needs[kind].count - count} of {needs[kind].count} {kind}" for kind, count in missing.items())
        return f"has room for {', '.join(told)} workspaces to come" if missing else ""

    def _may_go_on(self, names: Sequence[str], why: str) -> bool:
        """Whether, at the limit, somebody has said to go on without room."""
        if self.wanted.on_limit == "hold":
            return False
        after = f"after {format_duration(self.wanted.limit)}"
        if self.wanted.on_limit == "rollback":
            raise self.turn_back(names, f"no room for {self.room.stage} {after}: {why}", "")
        return not self.questions.unanswered(
            {"room": f"No room for {self.room.stage} {after}: {why}. Go on all the same?"}
        )

    def _say(self, why: str) -> None:
        if why != self.told or time.monotonic() - self.told_at > _REMIND:
            self.told, self.told_at = why, time.monotonic()
            self.context.progress(f"holding before {self.room.stage}: {why}")

    def _sleep(self) -> None:
        end = time.monotonic() + _EVERY
        while time.monotonic() < end:
            if self.context.cancelled.is_set():
                raise CancelledError("warming up for", on=self.room.stage, why="asked to stop")
            if self.context.recalled():
                raise self.turn_back((), "another part of the run turned bad", "")
            time.sleep(_TICK)


def _kube(context: StepContext, name: str) -> Kube:
    """The API of a cluster of the shift, an old one too. Raises NotYetError where this config does not know it."""
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy

    cluster: WorkspaceCluster | None = sibling(context.fleet, name)
    if cluster is None:
        raise NotYetError("reaching", on=name, why="no entry of this config makes a cluster of that name")
    return connect(context.with_cluster(cluster).kubeconfig(), cluster.context)


def _kind(pod: Mapping[str, Any]) -> str:
    return "regular" if in_use.kind(pod) == "regular" else "headless"


def _goes_on(pod: Mapping[str, Any]) -> bool:
    ended = pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
    return not ended and "deletionTimestamp" not in pod["metadata"]


def _is_for(node: Mapping[str, Any], kind: str) -> bool:
    return bool(node["metadata"].get("labels", {}).get(_NODES[kind]) == "true")

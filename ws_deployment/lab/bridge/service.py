"""The cluster service itself: what each call does, as either generation of the real server does it.

The quirks are the point: a client that lives with them here lives with them there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.message import Message

from ws_deployment.clients.bridge import cluster_service_pb2 as pb
from ws_deployment.clients.bridge.cluster_service_pb2_grpc import ClusterServiceServicer
from ws_deployment.clients.bridge.model import Api
from ws_deployment.lab.bridge.calls import CallLog
from ws_deployment.lab.bridge.probe import ProbeError, probe
from ws_deployment.lab.bridge.settings import Settings
from ws_deployment.lab.bridge.store import Cluster, Store
from ws_deployment.lab.faults import meta_fault

#: The only regions that today's server takes.
REGIONS = frozenset({"", "europe", "north-america", "south-america", "africa", "asia"})
_SCORES = {pb.Preferability.NONE: 50, pb.Preferability.Prefer: 100, pb.Preferability.DontSchedule: 0}


class Refusal(Exception):  # noqa: N818  the word of the protocol's own errors
    """A call that the server does not carry out; its text is what the client gets."""


class ClusterService(ClusterServiceServicer):
    """Serves one meta cluster.

    `running` tells the ids of the workspaces that run on a cluster; `changed` is told all clusters when one has come
    or gone.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        calls: CallLog,
        running: Callable[[Cluster], list[str]],
        changed: Callable[[list[Cluster]], None],
    ) -> None:
        self._home = settings.home
        self._api = settings.api
        self._static = [Cluster(each.name, each.url, cordoned=False, score=50, static=True) for each in settings.static]
        self._store = store
        self._calls = calls
        self._running = running
        self._changed = changed
        # The real server works its calls off one by one.
        self._turn = threading.Lock()

    def clusters(self) -> list[Cluster]:
        """Registered clusters, then those of the server's own configuration that no registration hides."""
        registered = self._store.all()
        names = {each.name for each in registered}
        return [*registered, *(each for each in self._static if each.name not in names)]

    def Register(self, request: pb.RegisterRequest, context: Any) -> pb.RegisterResponse:  # noqa: N802  the protocol's
        """Probe a cluster and make it known."""
        self._answer("Register", request, context, self._register)
        return pb.RegisterResponse()

    def Update(self, request: pb.UpdateRequest, context: Any) -> pb.UpdateResponse:  # noqa: N802  the protocol's
        """Change one property; an update without any changes nothing and succeeds."""
        self._answer("Update", request, context, self._update)
        return pb.UpdateResponse()

    def Deregister(self, request: pb.DeregisterRequest, context: Any) -> pb.DeregisterResponse:  # noqa: N802  the protocol's
        """Forget a cluster; an unknown one is no error."""
        self._answer("Deregister", request, context, self._deregister)
        return pb.DeregisterResponse()

    def List(self, request: pb.ListRequest, context: Any) -> pb.ListResponse:  # noqa: N802  the protocol's
        """Tell all clusters."""
        self._answer("List", request, context, lambda _: None)
        return pb.ListResponse(status=[_status(each, self._api) for each in self.clusters()])

    def _answer(self, method: str, request: Message, context: Any, work: Callable[[Any], None]) -> None:
        with self._turn:
            code, refused = self._outcome(work, request)
            self._calls.add(method, request, refused or "OK")
        if refused:
            context.abort(code, refused)

    def _outcome(self, work: Callable[[Any], None], request: Message) -> tuple[grpc.StatusCode, str]:
        """Do the work; the code and the text of the refusal, which is empty where all went well."""
        if meta_fault(self._home).unavailable:
            return grpc.StatusCode.UNAVAILABLE, "the lab was told to be unavailable"
        try:
            work(request)
        except (Refusal, ProbeError) as error:
            # Whatever the cause, the real server's clients see UNKNOWN.
            return grpc.StatusCode.UNKNOWN, str(error)
        return grpc.StatusCode.OK, ""

    def _register(self, request: pb.RegisterRequest) -> None:
        if self._api is Api.Y2026:
            self._check_new(request)
        if request.hints.perfereability not in _SCORES:
            raise Refusal(f"unknown preferability {request.hints.perfereability}")
        if not request.HasField("tls"):
            raise Refusal("missing required TLS config")
        probe(request.url, request.tls)
        self._store.put(
            Cluster(
                name=request.name,
                url=request.url,
                cordoned=request.hints.cordoned,
                score=_SCORES[request.hints.perfereability],
                govern=request.hints.govern or self._api is Api.Y2026,
                region=request.region if self._api is Api.Y2026 else "",
                constraints=tuple(
                    filter(None, (_constraint(each, self._api) for each in request.admission_constraints))
                ),
                tls_digest=_digest(request.tls),
            )
        )
        self._changed(self.clusters())

    def _check_new(self, request: pb.RegisterRequest) -> None:
        if request.region not in REGIONS:
            raise Refusal("Invalid value for workspace region.")
        for each in self._store.all():
            if each.name == request.name:
                raise Refusal(f"a WorkspaceCluster with name {request.name} already exists in the DB")
            if each.url == request.url:
                raise Refusal(f"a WorkspaceCluster with url {request.url} already exists in the DB")

    def _update(self, request: pb.UpdateRequest) -> None:
        cluster = self._store.get(request.name)
        if cluster is None:
            said = "does not exist" if self._api is Api.Y2026 else "already exists"
            raise Refusal(f"a WorkspaceCluster with name {request.name} {said} in the DB!")
        self._store.put(_updated(cluster, request, self._api))

    def _deregister(self, request: pb.DeregisterRequest) -> None:
        cluster = self._store.get(request.name)
        running = [] if request.force or cluster is None else self._running(cluster)
        if running:
            raise Refusal(f"cluster is not empty ({len(running)} instances remaining)[{','.join(running)}]")
        self._store.remove(request.name)
        self._changed(self.clusters())


def _updated(cluster: Cluster, request: pb.UpdateRequest, api: Api) -> Cluster:
    match request.WhichOneof("property"):
        case "score":
            return replace(cluster, score=request.score)
        case "max_score":
            return replace(cluster, max_score=request.max_score)
        case "cordoned":
            return replace(cluster, cordoned=request.cordoned)
        case "admission_constraint":
            return _constrained(cluster, request.admission_constraint, api)
        case "tls" if api is Api.Y2026:
            return replace(cluster, tls_digest=_digest(request.tls))
        case _:
            return cluster


def _constrained(cluster: Cluster, change: pb.ModifyAdmissionConstraint, api: Api) -> Cluster:
    constraint = _constraint(change.constraint, api)
    if constraint is None:
        return cluster
    if change.add:
        return replace(cluster, constraints=(*cluster.constraints, constraint))
    return replace(cluster, constraints=tuple(each for each in cluster.constraints if each != constraint))


def _constraint(message: pb.AdmissionConstraint, api: Api) -> tuple[str, str] | None:
    """A constraint as it is kept; None for what this server would not know or not take."""
    match message.WhichOneof("constraint"):
        case "has_feature_preview":
            return ("feature-preview", "")
        case "has_permission" if message.has_permission.permission:
            return ("permission", message.has_permission.permission)
        case "has_user_level" if api is Api.Y2021:
            return ("user-level", message.has_user_level)
        case _:
            return None


def _status(cluster: Cluster, api: Api) -> pb.ClusterStatus:
    return pb.ClusterStatus(
        name=cluster.name,
        url=cluster.url,
        state=pb.ClusterState.CORDONED if cluster.cordoned else pb.ClusterState.AVAILABLE,
        score=cluster.score,
        max_score=cluster.max_score,
        governed=cluster.govern,
        static=cluster.static,
        region=cluster.region if api is Api.Y2026 else "",
        admission_constraint=[_message(*each) for each in cluster.constraints],
    )


def _message(kind: str, value: str) -> pb.AdmissionConstraint:
    match kind:
        case "permission":
            return pb.AdmissionConstraint(has_permission=pb.AdmissionConstraint.HasPermission(permission=value))
        case "user-level":
            return pb.AdmissionConstraint(has_user_level=value)
        case _:
            return pb.AdmissionConstraint(has_feature_preview=pb.AdmissionConstraint.FeaturePreview())


def _digest(tls: pb.TlsConfig) -> str:
    return hashlib.sha256(tls.crt.encode()).hexdigest()

"""Speaks to one meta cluster's bridge: lists, registers, updates and deregisters workspace clusters.

It makes single calls; in which order they keep traffic safe is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import grpc

from ws_deployment.clients.bridge import cluster_service_pb2 as pb
from ws_deployment.clients.bridge import errors, messages
from ws_deployment.clients.bridge.cluster_service_pb2_grpc import ClusterServiceStub
from ws_deployment.clients.bridge.model import (
    AdmissionConstraint,
    Api,
    ClusterStatus,
    Registration,
    TlsFiles,
    TlsMaterial,
)
from ws_deployment.errors import UsageError

#: Seconds that a registration may take beyond another call: the bridge probes the cluster within it.
PROBE_ALLOWANCE = 20.0
#: A first connection that failed is tried again this soon, so that a bridge that is just starting is soon found.
_RECONNECT = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 2000)]


class BridgeClient:
    """A connection to the bridge at `endpoint` (host:port), speaking the API generation `api`.

    `timeout` is the deadline of each call in seconds. Without `tls` the connection is plain, as through a
    port-forward. Close it, or use it as a context manager. Safe to share between threads.

    Every call raises BridgeUnavailableError (transient) when the bridge does not answer in time, AccessDeniedError
    when it does not let us, and BridgeError for what is not told apart further.
    """

    def __init__(
        self, endpoint: str, api: Api | str = Api.Y2026, tls: TlsFiles | None = None, timeout: float = 10.0
    ) -> None:
        self.endpoint = endpoint
        self.api = Api(api)
        self._timeout = timeout
        self._channel = _channel(endpoint, tls)
        self._stub: Any = ClusterServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated without types

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._channel.close()

    def list(self) -> list[ClusterStatus]:
        """All registered clusters, in the bridge's order."""
        answer = self._call(self._stub.List, pb.ListRequest(), "listing clusters at", self.endpoint)
        return [messages.status_from(each) for each in answer.status]

    def find(self, name: str) -> ClusterStatus | None:
        """The registered cluster `name`, or None."""
        return next((each for each in self.list() if each.name == name), None)

    def register(self, registration: Registration) -> None:
        """Make a cluster known. List first: the 2021 server overwrites a cluster of the same name without a word.

        Raises AlreadyRegisteredError, UnreachableClusterError (transient), TlsRefusedError, InvalidRegistrationError.
        """
        request = messages.register_request(registration, self.api)
        self._call(
            self._stub.Register, request, "registering cluster", registration.name, self._timeout + PROBE_ALLOWANCE
        )

    def set_score(self, name: str, score: int) -> None:
        """Set the weight of `name` among available clusters; the server checks no range. Raises NotRegisteredError."""
        self._update(pb.UpdateRequest(name=name, score=score))

    def set_max_score(self, name: str, max_score: int) -> None:
        """Set the bound at which placement clamps the score of `name`. Raises NotRegisteredError."""
        self._update(pb.UpdateRequest(name=name, max_score=max_score))

    def cordon(self, name: str) -> None:
        """Let no further workspace start on `name`; those that run stay. Raises NotRegisteredError."""
        self._update(pb.UpdateRequest(name=name, cordoned=True))

    def uncordon(self, name: str) -> None:
        """Let workspaces start on `name` again. Raises NotRegisteredError."""
        self._update(pb.UpdateRequest(name=name, cordoned=False))

    def add_admission_constraint(self, name: str, constraint: AdmissionConstraint) -> None:
        """Limit whom `name` takes. The server keeps duplicates. Raises NotRegisteredError."""
        message = messages.constraint_message(constraint, self.api)
        change = pb.ModifyAdmissionConstraint(add=True, constraint=message)
        self._update(pb.UpdateRequest(name=name, admission_constraint=change))

    def remove_admission_constraint(self, name: str, constraint: AdmissionConstraint) -> None:
        """Lift a limit, all duplicates of it. Raises NotRegisteredError."""
        message = messages.constraint_message(constraint, self.api)
        change = pb.ModifyAdmissionConstraint(add=False, constraint=message)
        self._update(pb.UpdateRequest(name=name, admission_constraint=change))

    def set_tls(self, name: str, tls: TlsMaterial) -> None:
        """Replace the client material for `name`. Raises NotRegisteredError; UsageError in the 2021 API."""
        if self.api is not Api.Y2026:
            raise UsageError(
                "replacing the TLS material of cluster",
                on=name,
                why=f"the bridge's API of {self.api} can't",
                remedy="Deregister the cluster and register it again.",
            )
        self._update(pb.UpdateRequest(name=name, tls=messages.tls_config(tls)))

    def deregister(self, name: str) -> None:
        """Forget `name`; an unknown one is no error. Raises ClusterNotEmptyError while workspaces run there."""
        self._deregister(pb.DeregisterRequest(name=name))

    def deregister_forcibly(self, name: str) -> None:
        """Forget `name` even while workspaces run there: the bridge loses sight of them."""
        self._deregister(pb.DeregisterRequest(name=name, force=True))

    def _update(self, request: pb.UpdateRequest) -> None:
        self._call(self._stub.Update, request, errors.UPDATING, request.name)

    def _deregister(self, request: pb.DeregisterRequest) -> None:
        self._call(self._stub.Deregister, request, "deregistering cluster", request.name)

    def _call(
        self, method: Callable[..., Any], request: object, attempted: str, on: str, timeout: float | None = None
    ) -> Any:
        try:
            return method(request, timeout=timeout or self._timeout)
        except grpc.RpcError as error:
            # Not chained: grpc's own text of the error could hold more than we mean to show.
            raise errors.refusal(attempted, on, error.code().name, error.details() or "") from None


def _channel(endpoint: str, tls: TlsFiles | None) -> grpc.Channel:
    # A proxy of the environment knows no way to this machine's own ports.
    local = endpoint.rpartition(":")[0] in {"127.0.0.1", "localhost", "[::1]"}
    options: list[tuple[str, int | str]] = [*_RECONNECT, ("grpc.enable_http_proxy", 0 if local else 1)]
    if tls is None:  # a port-forward, the lab, or an address that the config says without `tls`: the bridge's default
        return grpc.insecure_channel(endpoint, options=options)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=tls.ca.read_bytes() if tls.ca else None,
        private_key=tls.key.read_bytes() if tls.key else None,
        certificate_chain=tls.crt.read_bytes() if tls.crt else None,
    )
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.secure_channel(endpoint, credentials, options=options)

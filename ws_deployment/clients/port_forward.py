"""Makes a Pod's port a local one through the API server, as gpctl reaches the bridge. TCP alone; one Pod at a time.

Every local connection gets a stream of its own, opened when it is made and with credentials minted then, so that a
forward outlives tokens, restarts of the Pod and idle time-outs on the way.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ws_deployment.clients.library import load_kubernetes
from ws_deployment.errors import TransientError, UsageError, WsDeploymentError

#: Label of the bridge's Pods, and the port that they serve the cluster service on.
BRIDGE_SELECTOR = "component=ws-manager-bridge"
BRIDGE_PORT = 8080
#: Seconds that the API server has to answer.
TIMEOUT = 15.0
_CHUNK = 65536
_HTTP_SERVER_FAULT = 500
_HTTP_REFUSED = 400
_HTTP_TOO_MANY = 429


@dataclass(frozen=True)
class Target:
    """Pods by label, in a namespace of a kubeconfig's context; None is the default of kubectl."""

    namespace: str
    kubeconfig: Path | None = None
    context: str | None = None
    selector: str = BRIDGE_SELECTOR
    port: int = BRIDGE_PORT

    def __str__(self) -> str:
        where = f" of context {self.context}" if self.context else ""
        return f"{self.selector} in namespace {self.namespace}{where}"


class PortForward:
    """A local port (`address`) that leads to a running Pod of `target` while the context lasts.

    Entering raises UsageError for a kubeconfig that can't be used, TransientError when the API server does not
    answer, and WsDeploymentError when it refuses or when no such Pod runs. What goes wrong with a later connection
    closes that connection and is told by `last_error`.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.last_error = ""
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._api = _api(self.target)
        self._find_pod()
        listener = self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=self._accept, args=(listener,), daemon=True, name="port-forward").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener:
            _shut(self._listener)
        with self._lock:
            _shut(*self._open)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                local, _ = listener.accept()
            except OSError:
                # The listener was closed: the forward is over.
                return
            threading.Thread(target=self._serve, args=(local,), daemon=True, name="port-forward-stream").start()

    def _serve(self, local: socket.socket) -> None:
        try:
            forward = self._stream(self._find_pod())
        except WsDeploymentError as error:
            self.last_error = str(error)
            local.close()
            return
        remote = forward.socket(self.target.port)
        with self._lock:
            self._open |= {local, remote}

        def back() -> None:
            _copy(remote, local)
            # Told before the local side sees the end, so that it can be asked why.
            self.last_error = forward.error(self.target.port) or self.last_error
            _shut(local, remote)

        returning = threading.Thread(target=back, daemon=True, name="port-forward-back")
        returning.start()
        _copy(local, remote)
        # Whichever side ends first ends both: the API server can't carry a half-closed stream.
        _shut(remote)
        returning.join()
        with self._lock:
            self._open -= {local, remote}

    def _find_pod(self) -> str:
        query = [("labelSelector", self.target.selector), ("fieldSelector", "status.phase=Running")]
        pods = [pod for pod in self._get("pods", query)["items"] if "deletionTimestamp" not in pod["metadata"]]
        if not pods:
            raise WsDeploymentError(
                "forwarding a port to",
                on=str(self.target),
                why="no such Pod runs there",
                remedy="Check the meta cluster's kubeconfig, context and namespace in the config.",
            )
        # One that is ready, if there is any; the name makes the choice a stable one.
        return str(min(pods, key=lambda pod: (not _ready(pod), pod["metadata"]["name"]))["metadata"]["name"])

    def _get(self, path: str, query: list[tuple[str, str]]) -> dict[str, Any]:
        load_kubernetes()
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  heavy: comes with the client

        try:
            answer = self._api.call_api(*self._request(path, query), _request_timeout=TIMEOUT)
            content = answer.read()
        except (HTTPError, OSError) as error:
            raise TransientError("asking the API server for", on=str(self.target), why=str(error)) from error
        if answer.status >= _HTTP_REFUSED:
            passing = answer.status >= _HTTP_SERVER_FAULT or answer.status == _HTTP_TOO_MANY
            kind = TransientError if passing else WsDeploymentError
            raise kind(
                "asking the API server for",
                on=str(self.target),
                why=f"{answer.status} {answer.reason}",
                remedy="Check that the kubeconfig's user may list Pods and forward ports (create pods/portforward).",
            )
        told: dict[str, Any] = json.loads(content)
        return told

    def _stream(self, pod: str) -> Any:
        load_kubernetes()
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415  heavy
        from kubernetes.stream import ws_client  # noqa: PLC0415  heavy

        query = [("ports", str(self.target.port))]
        method, url, headers, *_ = self._request(f"pods/{pod}/portforward", query)
        try:
            # The call that the library's own `portforward` comes to, without its change of a shared client's method.
            return ws_client.portforward_call(  # type: ignore[no-untyped-call]  # untyped in the library
                self._api.configuration, method, url, headers=headers
            )
        except ApiException as error:
            raise TransientError("forwarding a port to", on=f"Pod {pod}", why=str(error.reason)) from error

    def _request(self, path: str, query: list[tuple[str, str]]) -> tuple[Any, ...]:
        """Method, URL, headers and so on: credentials are minted anew where the kubeconfig has a way to."""
        serialized: tuple[Any, ...] = self._api.param_serialize(
            "GET",
            f"/api/v1/namespaces/{self.target.namespace}/{path}",
            query_params=query,
            header_params={"accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        return serialized


def _api(target: Target) -> Any:
    load_kubernetes()
    from kubernetes import config  # noqa: PLC0415  heavy

    file = str(target.kubeconfig) if target.kubeconfig else None
    try:
        return config.new_client_from_config(  # type: ignore[no-untyped-call]  # untyped in the library
            file, context=target.context, persist_config=False
        )
    except (config.ConfigException, OSError) as error:
        raise UsageError(
            "reading the kubeconfig of",
            on=str(target),
            why=str(error),
            remedy="Set `kubeconfig` and `context` of the meta cluster's bridge to ones that exist.",
        ) from error


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)


def _shut(*sockets: socket.socket) -> None:
    for each in sockets:
        # Closing alone would not wake a thread that reads from it.
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()

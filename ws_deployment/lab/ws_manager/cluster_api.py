"""The few REST calls that the lab's stand-ins make to a lab cluster, at the price of the standard library alone.

The Kubernetes library takes a quarter of a second of CPU to import, in each of the lab's processes.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.lab.tls_pair import load_pair

#: Seconds that an answer may take.
TIMEOUT = 10.0
#: Seconds after which the server ends a watch, so that a half-dead connection is not listened to for ever.
WATCH_SECONDS = 300


class ClusterApiError(WsDeploymentError):
    """The API server refused a call. `status` is its HTTP status."""

    def __init__(self, attempted: str, *, why: str, on: str = "", remedy: str = "", status: int = 0) -> None:
        super().__init__(attempted, why=why, on=on, remedy=remedy)
        self.status = status


class ClusterApi:
    """JSON calls to the API server of a lab kubeconfig's current context; safe to share between threads."""

    def __init__(self, kubeconfig: Path) -> None:
        self.server, self._tls, self._token = _read(kubeconfig)
        self._own = threading.local()

    def get(self, path: str) -> dict[str, Any]:
        """Read one object or list."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete an object or a collection; one that is gone already is no error."""
        try:
            return self._call("DELETE", path, None)
        except ClusterApiError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return {}
            raise

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Events of a list's path (with its query), until the server ends the watch. Raises TransientError."""
        connection = self._connect(WATCH_SECONDS + TIMEOUT)
        try:
            connection.request("GET", f"{path}&watch=1&timeoutSeconds={WATCH_SECONDS}", headers=self._headers())
            answer = connection.getresponse()
            _check("GET", path, answer)
            while line := answer.readline():
                yield json.loads(line)
        except (OSError, http.client.HTTPException) as error:
            raise TransientError("watching", on=path, why=str(error)) from error
        finally:
            connection.close()

    def _call(self, verb: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        text = None if body is None else json.dumps(body)
        fresh = getattr(self._own, "connection", None) is None
        connection = self._own.connection = getattr(self._own, "connection", None) or self._connect(TIMEOUT)
        try:
            connection.request(verb, path, text, self._headers())
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._own.connection = None
            if fresh or verb == "POST":
                raise TransientError("asking the cluster", on=f"{verb} {path}", why=str(error)) from error
            # A kept connection may have been closed by the other side since.
            return self._call(verb, path, body)
        _check(verb, path, answer, content)
        return dict(json.loads(content))

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.server, timeout=timeout, context=self._tls)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return headers | {"Authorization": f"Bearer {self._token}"} if self._token else headers


def _check(verb: str, path: str, answer: http.client.HTTPResponse, content: bytes | None = None) -> None:
    if answer.status < http.HTTPStatus.BAD_REQUEST:
        return
    said = content if content is not None else answer.read()
    try:
        why = str(json.loads(said)["message"])
    except (ValueError, KeyError, TypeError):
        why = answer.reason
    raise ClusterApiError("asking the cluster", on=f"{verb} {path}", why=why, status=answer.status)


def _read(kubeconfig: Path) -> tuple[str, ssl.SSLContext, str]:
    """Address, TLS and token of the current context. Raises OSError or KeyError where the file is not as it should."""
    # The lab writes its kubeconfigs as JSON, which needs no YAML library.
    told = json.loads(kubeconfig.read_text(encoding="utf-8"))
    context = _named(told["contexts"], told["current-context"])["context"]
    cluster = _named(told["clusters"], context["cluster"])["cluster"]
    user = _named(told["users"], context["user"])["user"]
    tls = ssl.create_default_context(cadata=_pem(cluster, "certificate-authority"))
    if "client-certificate" in user or "client-certificate-data" in user:
        load_pair(tls, _pem(user, "client-certificate"), _pem(user, "client-key"))
    return urlsplit(cluster["server"]).netloc, tls, user.get("token", "")


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _pem(holder: Mapping[str, str], key: str) -> str:
    if inline := holder.get(f"{key}-data"):
        return base64.b64decode(inline).decode("ascii")
    return Path(holder[key]).read_text(encoding="ascii")

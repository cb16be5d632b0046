"""The few requests that the lab itself makes of an API server, by the standard library.

The Kubernetes client costs a quarter of a second to import, an eighth of a cluster's whole start.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ws_deployment.errors import TransientError, WsDeploymentError

#: Seconds for one answer, and between two looks at something that is awaited.
_ANSWER = 10.0
_POLL = 0.01


class Api:
    """One connection to an API server on this machine, as the client of a certificate. Not for two threads."""

    def __init__(self, port: int, *, authority: Path, certificate: Path, key: Path) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=authority)
        self._tls.load_cert_chain(certificate, key)
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, path: str) -> Any | None:
        """The object at `path` (`"ok"` for a health path); None when it does not exist or nobody answers yet."""
        status, body = self._request("GET", path, None)
        return body if status == http.client.OK else None

    def create(self, path: str, manifest: dict[str, Any]) -> None:
        """Create the object, or leave the one that exists: creating twice is creating once.

        Raises TransientError when the API server does not answer, WsDeploymentError when it refuses.
        """
        status, body = self._request("POST", path, manifest)
        if status in (http.client.CREATED, http.client.CONFLICT):
            return
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        if status in (0, http.client.TOO_MANY_REQUESTS) or status >= http.client.INTERNAL_SERVER_ERROR:
            raise TransientError("creating", on=name, why=f"the API server answered {status or 'nothing'}")
        why = body.get("message", str(status)) if isinstance(body, dict) else str(status)
        raise WsDeploymentError("creating", on=name, why=why)

    def delete_all(self, path: str) -> None:
        """Delete all objects of the collection at `path`. Raises TransientError when that is not done."""
        status, _ = self._request("DELETE", path, None)
        if status != http.client.OK:
            raise TransientError("deleting", on=path, why=f"the API server answered {status or 'nothing'}")

    def wait(
        self,
        path: str,
        done: Callable[[Any], bool] = lambda _body: True,
        *,
        timeout: float,
        watch: Callable[[], None],
    ) -> Any:
        """Ask for `path` until there is something that is `done`, and return it.

        `watch` is called between two looks and raises when waiting has become vain. Raises TransientError after
        `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while True:
            body = self.get(path)
            if body is not None and done(body):
                return body
            watch()
            if time.monotonic() > end:
                raise TransientError(
                    "waiting for",
                    on=path,
                    why=f"not so after {timeout:g} s",
                    remedy="Look at the cluster's logs folder.",
                )
            time.sleep(_POLL)

    def close(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _request(self, method: str, path: str, manifest: dict[str, Any] | None) -> tuple[int, Any]:
        """The status and the body, read as JSON where it is; status 0 when nobody answers."""
        if not self._connection:
            self._connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=_ANSWER)
        body = None if manifest is None else json.dumps(manifest)
        try:
            self._connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, None
        json_type = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if json_type else text

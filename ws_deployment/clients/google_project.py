"""What a Google Cloud project allows: quota, permissions of who asks, enabled APIs. Read-only, by Google's REST APIs.

Clusters are read in gke.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ws_deployment.clients import google_credentials
from ws_deployment.errors import TransientError, WsDeploymentError

#: Public endpoints, each with gcloud's own variable for another one (restricted VIPs, Private Service Connect).
_ENDPOINTS = {
    "compute": ("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", "https://compute.googleapis.com/compute/v1/"),
    "resources": (
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER",
        "https://cloudresourcemanager.googleapis.com/",
    ),
    "services": ("CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE", "https://serviceusage.googleapis.com/"),
}
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


class GoogleProjectError(WsDeploymentError):
    """Google refused in a way that the same request will be refused again."""


class TransientGoogleProjectError(TransientError):
    """Google was out of reach or over-loaded."""


@dataclass(frozen=True)
class Quota:
    """What a project may use in a region, of one metric (CPUS, SSD_TOTAL_GB, IN_USE_ADDRESSES …)."""

    metric: str
    limit: float
    usage: float

    @property
    def free(self) -> float:
        """What is left, in the metric's unit."""
        return self.limit - self.usage


class GoogleProject:
    """One project. `timeout` is in seconds a request.

    Calls raise GoogleProjectError, TransientGoogleProjectError, and the errors of google_credentials.
    """

    def __init__(self, project: str, *, credentials_file: Path | None = None, timeout: float = 30.0) -> None:
        self.project, self._file, self._timeout = project, credentials_file, timeout
        self._token = ""

    def quotas(self, region: str) -> tuple[Quota, ...]:
        """The Compute Engine quotas of `region`. Needs compute.regions.get."""
        told = self._ask("compute", f"projects/{self.project}/regions/{region}", "reading the quota of", region)
        return tuple(Quota(one["metric"], one["limit"], one.get("usage", 0.0)) for one in told["quotas"])

    def missing_permissions(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Those of the `wanted` permissions that the credentials do not have on the project. Needs no permission."""
        asked = sorted(wanted)
        told = self._ask(
            "resources",
            f"v1/projects/{self.project}:testIamPermissions",
            "testing the permissions on",
            self.project,
            {"permissions": asked},
        )
        return tuple(sorted(set(asked) - set(told.get("permissions", ()))))

    def disabled_apis(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Those of the `wanted` APIs that are not enabled in the project. Needs serviceusage.services.list."""
        names = "&".join(f"names=projects/{self.project}/services/{one}" for one in sorted(wanted))
        path = f"v1/projects/{self.project}/services:batchGet?{names}"
        told = self._ask("services", path, "asking for the APIs of", self.project)
        return tuple(one["config"]["name"] for one in told.get("services", ()) if one.get("state") != "ENABLED")

    def _ask(self, api: str, path: str, attempted: str, on: str, body: Any = None) -> dict[str, Any]:
        import httpx  # noqa: PLC0415  60 ms

        if not self._token:
            # One token serves an object's life, which is a few requests; it is never kept beyond.
            self._token, _ = google_credentials.access_token(google_credentials.load(self._file))
        variable, public = _ENDPOINTS[api]
        url = f"{os.environ.get(variable, public).rstrip('/')}/{path}"
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            answer = httpx.request("POST" if body else "GET", url, headers=headers, json=body, timeout=self._timeout)
        except httpx.HTTPError as error:
            raise TransientGoogleProjectError(attempted, on=on, why=str(error) or type(error).__name__) from error
        if answer.is_error:
            kind = TransientGoogleProjectError if answer.status_code in _TRANSIENT else GoogleProjectError
            raise kind(attempted, on=on, why=f"{answer.status_code} {_message(answer)}")
        told: dict[str, Any] = answer.json()
        return told


def _message(answer: Any) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.reason_phrase)

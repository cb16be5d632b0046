"""Google Kubernetes Engine, read-only: clusters, their operations, versions, and kubeconfigs that don't age.

Making and removing clusters is Terraform's work (terraform/gke).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ws_deployment.clients import google_credentials
from ws_deployment.clients.library import load_google_container
from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.tools.files import write_json
from ws_deployment.tools.process import Cancelled

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.container_v1 import ClusterManagerClient

#: gcloud's own variable for an endpoint other than the public one (Private Service Connect, restricted VIPs).
_CONTAINER_ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER"
#: gRPC's own variable for the CAs to trust, for networks that break TLS open.
_ROOTS = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
#: https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters#Cluster.Status
_SETTLED = frozenset({"RUNNING", "ERROR", "DEGRADED"})
#: Seconds between two looks at first; Google's quota for reads is per minute.
_POLL = 1.0


class GkeError(WsDeploymentError):
    """Google refused in a way that the same request will be refused again."""


class TransientGkeError(TransientError):
    """Google was out of reach, over-loaded, or told to come back later."""


@dataclass(frozen=True)
class GkeCluster:
    """A cluster as Google tells it. `status` in Google's words; `ca_certificate` is base64 of PEM."""

    name: str
    location: str
    status: str
    status_message: str
    endpoint: str
    ca_certificate: str = field(repr=False)
    version: str
    labels: Mapping[str, str]

    @property
    def running(self) -> bool:
        """Whether it can be used."""
        return self.status in {"RUNNING", "RECONCILING"}


class Gke:
    """The clusters of one project. `timeout` is in seconds a request. Retries are for the caller to make.

    Calls raise GkeError, TransientGkeError, and the errors of google_credentials.
    """

    def __init__(self, project: str, *, credentials_file: Path | None = None, timeout: float = 30.0) -> None:
        self.project, self._file, self._timeout = project, credentials_file, timeout
        self._loaded: Credentials | None = None
        self._made: ClusterManagerClient | None = None

    def clusters(self, location: str = "-") -> tuple[GkeCluster, ...]:
        """All clusters of a zone or region; `-` is everywhere."""
        parent = f"projects/{self.project}/locations/{location}"
        with _told("listing the clusters of", self.project):
            return tuple(
                map(_cluster, self._client().list_clusters(parent=parent, timeout=self._timeout, retry=None).clusters)
            )

    def find(self, name: str, region: str) -> GkeCluster | None:
        """The cluster of that name in `region` or one of its zones; None where there is none."""
        return next((one for one in self.clusters() if one.name == name and one.location.startswith(region)), None)

    def versions(self, location: str) -> tuple[str, ...]:
        """Control plane versions that can be had at `location`, newest first."""
        path = f"projects/{self.project}/locations/{location}"
        with _told("asking for the versions at", location):
            return tuple(
                self._client().get_server_config(name=path, timeout=self._timeout, retry=None).valid_master_versions
            )

    def operations(self, cluster: GkeCluster) -> tuple[str, ...]:
        """What Google is doing to a cluster now, as texts (`CREATE_CLUSTER is RUNNING`)."""
        parent = f"projects/{self.project}/locations/{cluster.location}"
        with _told("listing the operations on", cluster.name):
            told = self._client().list_operations(parent=parent, timeout=self._timeout, retry=None).operations
        return tuple(
            _operation(one)
            for one in told
            if f"/clusters/{cluster.name}/" in f"{one.target_link}/" and one.status.name in {"PENDING", "RUNNING"}
        )

    def wait_settled(
        self,
        name: str,
        region: str,
        *,
        deadline: float,
        cancelled: Cancelled | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> GkeCluster | None:
        """Wait until Google does nothing to the cluster any more; returns it, or None where it is gone.

        An operation goes on though whoever began it was killed. `deadline` is a `time.monotonic` value. Raises
        GkeError when the cluster is broken, NotReadyError when out of time, CancelledError.
        """
        from ws_deployment.clients.waiting import wait_until_ready  # noqa: PLC0415  only for who waits

        last: list[GkeCluster | None] = [None]

        def lacks() -> str:
            last[0] = found = self.find(name, region)
            if found is None:
                return ""
            doing = self.operations(found)
            return ", ".join(doing) or ("" if found.status in _SETTLED else f"it is {found.status}")

        wait_until_ready(
            "waiting for", lacks, on=name, deadline=deadline, cancelled=cancelled, progress=progress, poll=_POLL
        )
        found = last[0]
        if found and found.status == "ERROR":
            raise GkeError(
                "waiting for",
                on=name,
                why=f"it is in status ERROR: {found.status_message or 'Google gives no reason'}",
                remedy=f"See https://console.cloud.google.com/kubernetes/list?project={self.project}",
            )
        return found

    def write_kubeconfig(self, cluster: GkeCluster, path: Path) -> None:
        """Write a kubeconfig (0600) that holds no token: it asks for a fresh one whenever it is used."""
        # JSON is YAML too, and needs no dumper.
        tree = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": cluster.name,
            "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": cluster.name}}],
            "clusters": [
                {
                    "name": cluster.name,
                    "cluster": {
                        "server": f"https://{cluster.endpoint}",
                        "certificate-authority-data": cluster.ca_certificate,
                    },
                }
            ],
            "users": [{"name": cluster.name, "user": {"exec": google_credentials.exec_plugin(self._file)}}],
        }
        write_json(path, tree)

    def _credentials(self) -> Credentials:
        if self._loaded is None:
            self._loaded = google_credentials.load(self._file)
        return self._loaded

    def _client(self) -> ClusterManagerClient:
        if self._made is None:
            load_google_container()
            import grpc  # noqa: PLC0415  heavy, as what follows: paid by who talks to Google
            from google.cloud.container_v1 import ClusterManagerClient  # noqa: PLC0415  loaded when used
            from google.cloud.container_v1.services.cluster_manager.transports import (  # noqa: PLC0415  loaded when used
                ClusterManagerGrpcTransport,
            )

            roots = os.environ.get(_ROOTS)
            transport = ClusterManagerGrpcTransport(
                host=urlsplit(os.environ.get(_CONTAINER_ENDPOINT, "https://container.googleapis.com/")).netloc,
                credentials=self._credentials(),
                ssl_channel_credentials=grpc.ssl_channel_credentials(Path(roots).read_bytes() if roots else None),
            )
            self._made = ClusterManagerClient(transport=transport)
        return self._made


@contextlib.contextmanager
def _told(attempted: str, on: str) -> Iterator[None]:
    """Turn Google's errors into ours."""
    load_google_container()
    from google.api_core import exceptions as google  # noqa: PLC0415  see _client
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  loaded when used

    try:
        yield
    except (google.ServerError, google.TooManyRequests, google.RetryError, google.Aborted) as error:
        raise TransientGkeError(attempted, on=on, why=_text(error)) from error
    except (google.Forbidden, google.Unauthorized) as error:
        remedy = "Needs roles/container.clusterViewer, and the API container.googleapis.com enabled."
        raise GkeError(attempted, on=on, why=_text(error), remedy=remedy) from error
    except (google.GoogleAPIError, GoogleAuthError) as error:
        raise GkeError(attempted, on=on, why=_text(error)) from error


def _text(error: Any) -> str:
    return str(getattr(error, "message", "") or error)


def _cluster(told: Any) -> GkeCluster:
    return GkeCluster(
        name=told.name,
        location=told.location,
        status=told.status.name,
        status_message=told.status_message or "; ".join(one.message for one in told.conditions if one.message),
        endpoint=told.endpoint,
        ca_certificate=told.master_auth.cluster_ca_certificate,
        version=told.current_master_version,
        labels=dict(told.resource_labels),
    )


def _operation(told: Any) -> str:
    return f"{told.operation_type.name} is {told.status.name}{f': {told.detail}' if told.detail else ''}"

"""A step's context about one workspace cluster, without an engine: what cluster types need."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ws_deployment_steps.registrars.bridge import BridgeRegistrar
from ws_deployment_steps.registrars.command import CommandRegistrar
from ws_deployment_steps.registrars.gpctl import GpctlRegistrar

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Project, Terraform, Versions
from ws_deployment.fleet.clusters import Fleet, WorkspaceCluster
from ws_deployment.interfaces import IClusterType, IRegistrar, ITrafficRouter, MetaCluster, Outputs, StepContext

_REGISTRARS: dict[str, type[IRegistrar]] = {
    "bridge": BridgeRegistrar,
    "command": CommandRegistrar,
    "gpctl": GpctlRegistrar,
}


class ClusterContext(StepContext):
    """About `cluster` in `project`; what the step says is kept in `said`.

    `metas` govern it, and are reached by their `bridge`; `kinds` are the cluster types that there are.
    """

    def __init__(
        self,
        folder: Path,
        cluster: WorkspaceCluster,
        project: Project,
        *,
        dry_run: bool = False,
        metas: tuple[MetaCluster, ...] = (),
        kinds: Mapping[str, IClusterType] | None = None,
    ) -> None:
        self.run_id, self.dry_run = "20261121-091533-7f3a", dry_run
        self.terraform, self.versions = Terraform(), Versions()
        self.config_folder, self.output = folder, folder / "output.log"
        self.deadline, self.cancelled = time.monotonic() + 60, threading.Event()
        self.fleet = Fleet("fleet", "staging", project, 17, (cluster,), metas)
        self.said: list[str] = []
        self.earlier: dict[str, Outputs] = {}
        self._top, self._cluster = folder, cluster
        self._kinds = kinds or {}

    @property
    def folder(self) -> Path:
        return self._made("folder")

    @property
    def scratch(self) -> Path:
        return self._made("scratch")

    @property
    def cluster(self) -> WorkspaceCluster:
        return self._cluster

    @property
    def meta(self) -> MetaCluster:
        raise AssertionError("about a workspace cluster")

    def progress(self, message: str) -> None:
        self.said.append(message)

    def traffic(self, shares: Mapping[str, float]) -> None:
        raise AssertionError(shares)

    def outputs(self, step: str) -> Outputs:
        return self.earlier.get(step, {})

    def secret(self, reference: SecretReference) -> str:
        raise AssertionError(reference)

    def cluster_type(self, name: str) -> IClusterType:
        return self._kinds[name]

    def registrar(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> IRegistrar:
        kind = _REGISTRARS[via]
        return kind(kind.parameters_model.model_validate(options), meta, self)

    def traffic_router(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> ITrafficRouter:
        raise AssertionError((via, options, meta))

    def with_cluster(self, cluster: WorkspaceCluster, *, made_by: str = "") -> StepContext:
        raise AssertionError((cluster, made_by))

    def _made(self, name: str) -> Path:
        path = self._top / name
        path.mkdir(exist_ok=True)
        return path


def a_cluster(kind: str, **fields: Any) -> WorkspaceCluster:
    """A workspace cluster of type `kind`; `fields` are put over the usual ones."""
    usual: dict[str, Any] = {
        "name": "gp-stag-ws-eu17-eu-west1",
        "short_name": "eu17",
        "prefix": "eu",
        "region": "europe-west1",
        "type": kind,
        "create": True,
        "governed_by": (),
        "url": None,
        "metrics_label": "stag-ws-eu17",
        "labels": {},
        "values_files": (),
        "replaces": None,
        "kubeconfig": None,
        "context": None,
        "command": (),
    }
    return WorkspaceCluster(**{**usual, **fields})

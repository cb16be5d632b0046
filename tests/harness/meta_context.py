"""A step's context about one meta cluster, without an engine: what back-ends of registering and shifting need."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ws_deployment.config.v1 import Bridge, Project, SecretReference, Terraform, Versions
from ws_deployment.interfaces import (
    Fleet,
    IClusterType,
    IRegistrar,
    ITrafficRouter,
    MetaCluster,
    NotYetError,
    Outputs,
    StepContext,
    WorkspaceCluster,
)


class MetaContext(StepContext):
    """Knows one meta cluster and its bridge; secrets are read from `secrets` by variable name."""

    def __init__(self, folder: Path, bridge: Bridge | None, secrets: Mapping[str, str] | None = None) -> None:
        self.run_id = "run-1"
        self.dry_run = False
        self.terraform, self.versions = Terraform(), Versions()
        self.config_folder = self._folder = folder
        self.output = folder / "output.log"
        self.deadline = time.monotonic() + 60
        self.cancelled = threading.Event()
        self._meta = MetaCluster("meta", "europe-west1", "existing", bridge)
        self.fleet = Fleet("fleet", "staging", Project(id="p"), 17, (), (self._meta,))
        self.said: list[str] = []
        self._secrets = secrets or {}

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def scratch(self) -> Path:
        return self._folder

    @property
    def cluster(self) -> WorkspaceCluster:
        raise AssertionError("about a meta cluster")

    @property
    def meta(self) -> MetaCluster:
        return self._meta

    def progress(self, message: str) -> None:
        self.said.append(message)

    def traffic(self, shares: Mapping[str, float]) -> None:
        raise AssertionError(f"a back-end does not tell the split: {shares}")

    def outputs(self, step: str) -> Outputs:
        raise AssertionError(step)

    def secret(self, reference: SecretReference) -> str:
        return self._secrets[reference.variable or ""]

    def bridge(self, meta: MetaCluster) -> Bridge:
        if meta.bridge is None:
            raise NotYetError("finding the bridge of", on=meta.name, why="the config names none")
        return meta.bridge

    def cluster_type(self, name: str) -> IClusterType:
        raise AssertionError(name)

    def registrar(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> IRegistrar:
        raise AssertionError((via, options, meta))

    def traffic_router(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> ITrafficRouter:
        raise AssertionError((via, options, meta))

    def with_cluster(self, cluster: WorkspaceCluster) -> StepContext:
        raise AssertionError(cluster)

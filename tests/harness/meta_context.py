"""A step's context about one meta cluster, without an engine: what back-ends of registering and shifting need."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ws_deployment_steps.routers.bridge import BridgeRouter
from ws_deployment_steps.routers.command import CommandRouter
from ws_deployment_steps.routers.werft import WerftRouter

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Bridge, Project, Terraform, Versions
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

_ROUTERS: dict[str, type[ITrafficRouter]] = {"bridge": BridgeRouter, "command": CommandRouter, "werft": WerftRouter}


class MetaContext(StepContext):
    """Knows one meta cluster and its bridge; secrets are read from `secrets` by variable name.

    For a step, `clusters` are the run's, and `splits` is a list that keeps what it tells of traffic.
    """

    def __init__(
        self,
        folder: Path,
        bridge: Bridge | None,
        secrets: Mapping[str, str] | None = None,
        clusters: tuple[WorkspaceCluster, ...] = (),
    ) -> None:
        self.run_id = "run-1"
        self.dry_run = False
        self.terraform, self.versions = Terraform(), Versions()
        self.config_folder = self._folder = folder
        self.output = folder / "output.log"
        self.deadline = time.monotonic() + 60
        self.cancelled = threading.Event()
        self._meta = MetaCluster("meta", "europe-west1", "existing", bridge)
        self.fleet = Fleet("fleet", "staging", Project(id="p"), 17, clusters, (self._meta,))
        self.said: list[str] = []
        self.splits: list[Mapping[str, float]] | None = None
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
        assert self.splits is not None, f"a back-end does not tell the split: {shares}"
        self.splits.append(shares)

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
        kind = _ROUTERS[via]
        return kind(kind.parameters_model.model_validate(options), meta, self)

    def with_cluster(self, cluster: WorkspaceCluster, *, made_by: str = "") -> StepContext:
        raise AssertionError((cluster, made_by))

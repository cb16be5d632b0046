"""A step's context about a meta cluster whose old clusters shall go: registrations, marks and workspaces in memory."""

from __future__ import annotations

import contextlib
import copy
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ws_deployment.config.prometheus import Prometheus
from ws_deployment.config.v1 import Project, SecretReference, Terraform, Versions
from ws_deployment.fleet.clusters import Fleet, MetaCluster, WorkspaceCluster
from ws_deployment.interfaces import (
    IClusterType,
    IRegistrar,
    ITrafficRouter,
    NotYetError,
    Outputs,
    Registration,
    RegistrationRequest,
    StepContext,
    Verdict,
)

RUN, MAKER = "20261121-091533-7f3a", "20261101-080000-0001"


class World:
    """Registrations by meta cluster, clusters by name with the run that made them, and what was done, in order.

    `away` are meta clusters whose bridge is not known.
    """

    def __init__(self) -> None:
        self.registrations: dict[str, list[Registration]] = {}
        self.clusters: dict[str, str] = {}
        self.away: set[str] = set()
        self.done: list[str] = []
        self.asked: list[str] = []
        self.recalled = False
        self.answer: Callable[[], str] = lambda: ""

    def answers(self) -> str:
        return self.answer()


class Registrar(IRegistrar):
    """Of one meta cluster."""

    def __init__(self, world: World, meta: MetaCluster) -> None:
        self.world, self.meta = world, meta

    def registrations(self) -> Sequence[Registration]:
        if self.meta.name in self.world.away:
            raise NotYetError("finding the bridge of", on=self.meta.name, why="the config does not say where it is")
        return tuple(self.world.registrations.get(self.meta.name, ()))

    def register(self, request: RegistrationRequest) -> None:
        raise AssertionError(request)

    def cordon(self, name: str) -> None:
        self.world.done.append(f"cordon {name} at {self.meta.name}")
        there = self.world.registrations[self.meta.name]
        there[:] = [replace(each, available=False) if each.name == name else each for each in there]

    def deregister(self, name: str) -> None:
        self.world.done.append(f"deregister {name} at {self.meta.name}")
        there = self.world.registrations[self.meta.name]
        there[:] = [each for each in there if each.name != name]


class Kind(IClusterType):
    """A type without Terraform."""

    summary = "in memory"

    def __init__(self, world: World) -> None:
        self.world = world

    def check(self, context: StepContext) -> Verdict:
        maker = self.world.clusters.get(context.cluster.name, context.run_id)
        return Verdict.proceed() if maker == context.run_id else Verdict.refuse(f"it is of run {maker}", "look")

    def kubeconfig(self, context: StepContext) -> Path:
        if context.cluster.name in self.world.clusters:
            return context.folder / "kubeconfig"
        raise NotYetError("reaching", on=context.cluster.name, why="there is none")

    def taken_names(self, fleet: Fleet) -> frozenset[str]:
        del fleet
        return frozenset(self.world.clusters)

    def destroy(self, context: StepContext) -> None:
        if self.world.clusters.pop(context.cluster.name, None):
            self.world.done.append(f"destroy {context.cluster.name}")


class RetireContext(StepContext):
    """At the meta cluster `meta`, the first of `metas` by default."""

    def __init__(
        self, folder: Path, world: World, clusters: tuple[WorkspaceCluster, ...], metas: tuple[str, ...] = ("meta",)
    ) -> None:
        self.run_id, self.dry_run = RUN, False
        self.terraform, self.versions = Terraform(), Versions()
        self.config_folder, self.output = folder, folder / "output.log"
        self.deadline, self.cancelled = time.monotonic() + 60, threading.Event()
        self.metas = tuple(MetaCluster(name, "europe-west1", "existing", None) for name in metas)
        self.fleet = Fleet("fleet", "staging", Project(id="p"), 17, clusters, self.metas)
        self.world, self.said, self.earlier = world, [], {}  # type: tuple[World, list[str], dict[str, Outputs]]
        self.splits: list[Mapping[str, float]] = []
        self._top, self._meta, self._cluster = folder, self.metas[0], None  # type: tuple[Path, MetaCluster, Any]

    def made(self, name: str, *, fleet: str = "fleet", by: str = MAKER) -> None:
        """Have a cluster of that cloud name, with the marks of its maker."""
        self.world.clusters[name] = by
        folder = self._top / name / "terraform"
        folder.mkdir(parents=True)
        (folder / "owner.json").write_text(json.dumps({"run": by, "fleet": fleet}))

    def asks_prometheus(self, url: str) -> None:
        """Have a Prometheus at its meta cluster."""
        self._meta = replace(self._meta, prometheus=Prometheus(url=url))

    def at(self, meta: str) -> RetireContext:
        """The same at another meta cluster."""
        other = copy.copy(self)
        other._meta = next(each for each in self.metas if each.name == meta)
        return other

    @property
    def folder(self) -> Path:
        return self._top / self.cluster.name

    @property
    def scratch(self) -> Path:
        return self._top

    @property
    def cluster(self) -> WorkspaceCluster:
        assert isinstance(self._cluster, WorkspaceCluster)
        return self._cluster

    @property
    def meta(self) -> MetaCluster:
        return self._meta

    def progress(self, message: str) -> None:
        self.said.append(message)

    def traffic(
        self,
        shares: Mapping[str, float],
        *,
        wanted: Mapping[str, float] | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> None:
        assert measured is None, "nobody counts starts after a shift"
        self.splits.append(wanted or shares)

    def recalled(self) -> bool:
        return self.world.recalled

    def question(self, text: str) -> AbstractContextManager[Callable[[], str]]:
        @contextlib.contextmanager
        def asked() -> Iterator[Callable[[], str]]:
            self.world.asked.append(text)
            yield self.world.answers

        return asked()

    def outputs(self, step: str) -> Outputs:
        return self.earlier.get(step, {})

    def secret(self, reference: SecretReference) -> str:
        raise AssertionError(reference)

    def cluster_type(self, name: str) -> IClusterType:
        del name
        return Kind(self.world)

    def registrar(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> IRegistrar:
        del via, options
        return Registrar(self.world, meta)

    def traffic_router(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> ITrafficRouter:
        raise AssertionError((via, options, meta))

    def with_cluster(self, cluster: WorkspaceCluster, *, made_by: str = "") -> StepContext:
        other = copy.copy(self)
        other._cluster = cluster
        other.run_id = made_by or self.run_id
        return other

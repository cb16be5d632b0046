"""Three clusters under two meta clusters; one made to fail at each step in turn, under `stop` and under `continue`.

The clusters exist and are shared by all cases, and of the three installs a case has the one that fails: it costs
seconds. That clusters are made and everything is installed, in parallel, is the first test's matter.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.configs import PIPELINE, write_config
from harness.program import Ended, program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.kube import Kube
from ws_deployment.lab.cluster import create_cluster, delete_cluster
from ws_deployment.lab.meta import delete_meta, ensure_meta
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.find import Found

pytestmark = pytest.mark.real

METAS = {"ea": "meta-eu", "eb": "meta-eu", "us": "meta-us"}
STEPS = [step if isinstance(step, str) else step["step"] for step in PIPELINE]
INSTALLS = {step for step in STEPS if step.startswith("install-")}
#: Ends the name of a step that stands for another on the clusters that are to do well.
OTHERS = "-others"


@dataclass(frozen=True)
class World:
    """Three lab clusters, two meta clusters."""

    clusters: dict[str, LabCluster]
    metas: dict[str, str]

    def forget_registrations(self) -> None:
        for endpoint in self.metas.values():
            with BridgeClient(endpoint) as bridge:
                for status in bridge.list():
                    bridge.deregister_forcibly(status.name)

    def available(self, meta: str) -> set[str]:
        with BridgeClient(self.metas[meta]) as bridge:
            return {status.name for status in bridge.list() if status.state.name == "AVAILABLE"}


@pytest.fixture(scope="module")
def world(tools: dict[str, Found], _folders_of_the_worker: None) -> Iterator[World]:  # noqa: ARG001  to have the programs first
    clusters = {name: create_cluster(f"{name}-there", run_id="tests", fleet="tests") for name in METAS}
    metas = {name: ensure_meta(name).endpoint for name in sorted(set(METAS.values()))}
    yield World(clusters, metas)
    # They would cost the tests that come after a third of the machine.
    for cluster in clusters.values():
        delete_cluster(cluster.name)
    for name in metas:
        delete_meta(name)


def test_three_clusters_under_two_meta_clusters_in_parallel(tmp_path: Path) -> None:
    config = write_config(
        tmp_path,
        metaClusters=[{"name": m, "region": "europe-west1", "type": "local"} for m in sorted(set(METAS.values()))],
        workspaceClusters=[
            {"prefix": prefix, "region": "europe-west1", "governedBy": meta, "type": "local"}
            for prefix, meta in METAS.items()
        ],
    )
    ended = program("run", "-c", config, "--json", "--cluster-id", "7")
    assert ended.code == 0, ended.err
    assert set(ended.statuses().values()) == {"done"}
    assert len(ended.statuses()) == 3 * 6 + 2
    shares = {event["task"]: event["data"]["shares"] for event in ended.of("traffic")}
    assert shares == {"meta-eu/traffic-shift": {"ea7": 50, "eb7": 50}, "meta-us/traffic-shift": {"us7": 100}}


@pytest.mark.parametrize("on_failure", ["stop", "continue"])
@pytest.mark.parametrize("failing", STEPS)
def test_one_fails_and_the_others_end_as_decided(world: World, tmp_path: Path, failing: str, on_failure: str) -> None:
    world.forget_registrations()
    with sabotage(world, tmp_path, failing) as parts:
        ended = program(
            "run", "-c", write(world, tmp_path, steps(failing), on_failure, parts), "--json", "--cluster-id", "1"
        )
    assert ended.code == 1, ended.err
    culprit = "meta-eu/traffic-shift" if failing == "traffic-shift" else f"ea-there/{failing}"
    failed = [event for event in ended.of("task.finished") if event["data"]["status"] == "failed"]
    assert [event["task"].replace("ea1/", "ea-there/") for event in failed] == [culprit]
    assert failed[0]["data"]["reason"]
    assert told(ended) == expected(failing, on_failure)
    assert world.available("meta-us") == {"us-there"}
    if failing != "traffic-shift":
        assert world.available("meta-eu") == ({"eb-there"} if on_failure == "continue" else set())


def told(ended: Ended) -> dict[str, str]:
    """Status of the tasks, all good ones alike, by the names that `expected` uses."""
    return {
        key.replace("ea1/", "ea-there/").removesuffix(OTHERS): "good" if status in {"done", "skipped"} else status
        for key, status in ended.statuses().items()
    }


def steps(failing: str) -> list[str]:
    """The pipeline of a case."""
    install = failing if failing in INSTALLS else "install-jaeger"
    return [step for step in STEPS if step not in INSTALLS or step == install]


def expected(failing: str, on_failure: str) -> dict[str, str]:
    every = steps(failing)
    before, after = every[: every.index(failing)], every[every.index(failing) + 1 :]
    ours = dict.fromkeys(before, "good") | {failing: "failed"} | dict.fromkeys(after, "blocked")
    tasks = {f"ea-there/{step}": status for step, status in ours.items() if step != "traffic-shift"}
    tasks |= {f"{name}-there/{step}": "good" for name in ("eb", "us") for step in every if step != "traffic-shift"}
    blocked = {"stop": "blocked", "continue": "good"}[on_failure]
    tasks["meta-eu/traffic-shift"] = "failed" if failing == "traffic-shift" else blocked
    return tasks | {"meta-us/traffic-shift": "good"}


def write(world: World, folder: Path, names: list[str], on_failure: str, parts: dict[str, Any]) -> Path:
    pipeline: list[Any] = []
    for step, entry in zip(STEPS, PIPELINE, strict=True):
        given = parts.get(step, entry) if step in names else []
        pipeline += given if isinstance(given, list) else [given]
    return write_config(
        folder,
        metaClusters=[
            {"name": meta, "region": "europe-west1", "type": "existing", "bridge": {"address": endpoint}}
            for meta, endpoint in world.metas.items()
        ],
        workspaceClusters=[
            {
                "prefix": prefix,
                "name": f"{prefix}-there",
                "region": "europe-west1",
                "governedBy": meta,
                "create": False,
                "type": "existing",
                "kubeconfig": str(world.clusters[prefix].kubeconfig),
                "url": world.clusters[prefix].url,
                **(parts.get("cluster", {}) if prefix == "ea" else {}),
            }
            for prefix, meta in METAS.items()
        ],
        pipeline=pipeline,
        defaults={"onFailure": on_failure, "retries": {"attempts": 1}},
    )


class sabotage:  # noqa: N801  used as a context manager, like a function
    """What makes `ea` fail at a step: parts of the config, and a change to the cluster that is undone."""

    def __init__(self, world: World, folder: Path, failing: str) -> None:
        self._world, self._folder, self._failing = world, folder, failing
        self._secret: dict[str, Any] | None = None

    def __enter__(self) -> dict[str, Any]:
        if self._failing == "register-cluster":
            self._spoil_tls()
        return {
            "create-cluster": self._create_cluster,
            "install-gitpod": lambda: self._values({"wsManager": {"replicas": -1}}),
            "install-jaeger": lambda: self._values({"replicas": -1}),
            "install-monitoring": lambda: self._values({"replicas": -1}),
            "alive-test": self._alive_test,
            "register-cluster": dict,
            "traffic-shift": self._traffic_shift,
        }[self._failing]()

    def __exit__(self, *_: object) -> None:
        if self._secret:
            kube = Kube(self._world.clusters["ea"].kubeconfig)
            kube.apply(self._secret)

    def _create_cluster(self) -> dict[str, Any]:
        program = self._script(
            "make.py",
            "import json, sys\n"
            "request = json.load(sys.stdin)\n"
            "if request['action'] == 'look': print(json.dumps({'exists': False})); sys.exit(0)\n"
            "if request['action'] == 'kubeconfig': print('{}'); sys.exit(0)\n"
            "sys.exit('no machines left')\n",
        )
        return {"cluster": {"create": True, "type": "command", "command": [sys.executable, str(program)]}}

    def _values(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values that the API server refuses, for `ea` alone."""
        step = self._failing
        spoilt = {"step": step, "only": ["ea"], "with": {"values": values}}
        return {step: [spoilt, {"step": step, "name": f"{step}{OTHERS}", "only": ["eb", "us"]}]}

    def _alive_test(self) -> dict[str, Any]:
        code = "import os, sys; sys.exit('it is dead' if os.environ['WS_DEPLOYMENT_CLUSTER'] == 'ea-there' else 0)"
        return {"alive-test": {"step": "alive-test", "with": {"command": [sys.executable, "-c", code]}}}

    def _traffic_shift(self) -> dict[str, Any]:
        endpoints = json.dumps(self._world.metas)
        program = self._script(
            "route.py",
            "import json, sys\n"
            "from ws_deployment.clients.bridge.client import BridgeClient\n"
            "request = json.load(sys.stdin)\n"
            f"bridge = BridgeClient({endpoints}[request['meta']['name']])\n"
            "if request['action'] == 'list':\n"
            "    print(json.dumps({'registrations': [{'name': s.name, 'score': s.score, 'url': s.url,"
            " 'available': s.state.name == 'AVAILABLE'} for s in bridge.list()]}))\n"
            "elif request['meta']['name'] == 'meta-eu': sys.exit('the router is on fire')\n"
            "elif request['write']['property'] == 'score':\n"
            "    bridge.set_score(request['write']['cluster'], request['write']['value']); print('{}')\n"
            "else: bridge.uncordon(request['write']['cluster']); print('{}')\n",
        )
        options = {"command": [sys.executable, str(program)]}
        return {"traffic-shift": {"step": "traffic-shift", "with": {"via": "command", "options": options, "hold": 0}}}

    def _script(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        return path

    def _spoil_tls(self) -> None:
        """Give `ea` the client material of another cluster: the meta cluster finds out when it probes."""
        kube, other = (Kube(self._world.clusters[name].kubeconfig) for name in ("ea", "us"))
        name = "ws-manager-mk2-client-tls"
        mine, theirs = kube.get("v1", "Secret", name, "default"), other.get("v1", "Secret", name, "default")
        assert mine
        assert theirs
        head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"}}
        self._secret = {**head, "type": mine["type"], "data": mine["data"]}
        kube.delete("v1", "Secret", name, "default")
        kube.apply({**head, "type": theirs["type"], "data": theirs["data"]})

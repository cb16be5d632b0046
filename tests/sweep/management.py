"""One management cluster for all worlds of a process: Cluster API's kinds, and a log of what was written, by itself.

The log is the API server's audit log. It has every write that was asked for: also one that changes nothing, which no
object's version tells.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

from harness import cluster_api
from harness.cluster_api import EXAMPLES, apply_as_user
from harness.lab_tools import environment, private_folders
from harness.upgrade_run import CLUSTER, KCP, POOL

from ws_deployment.clients.kube import Kube
from ws_deployment.lab import daemon
from ws_deployment.lab.cluster import create_cluster
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases import marks
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.loader import load_catalogue

KINDS = (
    CLUSTER,
    KCP,
    POOL,
    ("cluster.x-k8s.io/v1beta2", "MachineHealthCheck"),
    ("bootstrap.cluster.x-k8s.io/v1beta2", "KubeadmConfigTemplate"),
)
_GROUPS = sorted({version.partition("/")[0] for version, _ in KINDS})
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "verbs": ["create", "update", "patch", "delete", "deletecollection"],
            "resources": [{"group": group} for group in _GROUPS],
        },
        {"level": "None"},
    ],
}
#: Who makes clusters as they are before an upgrade.
_USER = "kubectl"


class ManagementCluster:
    """The cluster, and what is asked of it by the sweep."""

    def __init__(self, cluster: LabCluster) -> None:
        self.cluster = cluster
        self.kube = Kube(cluster.kubeconfig)
        cluster_api.install(self.kube, cluster_api.crds())
        self.kube = Kube(cluster.kubeconfig)  # one that asks anew what is served
        self.management = Management(self.kube, load_catalogue(EXAMPLES), marks.RELEASE)

    def space(self, name: str = "") -> str:
        """A new namespace."""
        name = name or f"sweep-{uuid.uuid4().hex[:12]}"
        self.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def make(self, space: str, names: Sequence[str]) -> None:
        """The examples of those names in a namespace."""
        for name in names:
            text = (EXAMPLES / "clusters" / f"{name}.yaml").read_text()
            apply_as_user(self.kube, text.replace("namespace: clusters", f"namespace: {space}"))

    def objects(self, space: str) -> dict[str, Any]:
        """All objects of a namespace, with what each write leaves in them: their generation, and who holds what."""
        found = {}
        for version, kind in KINDS:
            for one in self.kube.list(version, kind, space):
                metadata = {key: one["metadata"].get(key) for key in ("labels", "annotations", "generation")}
                held = sorted(
                    (
                        {key: each.get(key) for key in ("manager", "operation", "fieldsV1")}
                        for each in one["metadata"]["managedFields"]
                        if not each.get("subresource")
                    ),
                    key=json.dumps,
                )
                found[f"{kind} {one['metadata']['name']}"] = {**metadata, "held": held, "spec": one["spec"]}
        told: dict[str, Any] = json.loads(json.dumps(found).replace(space, "SPACE"))
        return told

    def writes(self, space: str) -> list[str]:
        """What was asked to be written in a namespace, but for status, dry runs and its making, in order."""
        log = self.cluster.folder / "audit.jsonl"
        if not log.exists():
            return []
        with log.open() as lines:
            events = [json.loads(line) for line in lines if f'"{space}"' in line]
        return [told for event in events if (told := _told(event))]


def _told(event: dict[str, Any]) -> str:
    query, about = parse_qs(urlsplit(event["requestURI"]).query), event["objectRef"]
    manager = query.get("fieldManager", [""])[0]
    if "dryRun" in query or about.get("subresource") or manager == _USER:
        return ""
    code = event["responseStatus"]["code"]
    answer = "" if code < 400 else f", answered {code}"
    return f"{event['verb']} {about['resource']} {about.get('name', '')}" + answer


@contextmanager
def management_cluster(tools: Path) -> Iterator[ManagementCluster]:
    """Start one. Enter it before there are threads: the environment is another meanwhile."""
    top = Path(tempfile.mkdtemp(prefix="sweep-management-"))
    try:
        with environment(private_folders(top, tools)), mock.patch.object(daemon, "start", _audited):
            cluster = create_cluster("management", run_id="sweep", fleet="sweep", nodes=1)
        yield ManagementCluster(cluster)
    finally:
        daemon.end(daemon.strays(top), grace=0)
        shutil.rmtree(top, ignore_errors=True)


_start = daemon.start


def _audited(name: str, argv: Sequence[str], *, home: Path, env: dict[str, str] | None = None) -> daemon.Daemon:
    if name == "kube-apiserver":
        (home / "audit-policy.json").write_text(json.dumps(_POLICY))
        argv = [*argv, "--audit-policy-file", "audit-policy.json", "--audit-log-path", "audit.jsonl"]
    return _start(name, argv, home=home, env=env)

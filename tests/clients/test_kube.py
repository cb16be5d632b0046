"""A real API server."""

from __future__ import annotations

import json
import stat
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import ConflictKubeError, KubeError, TransientKubeError
from ws_deployment.clients.kube_ready import namespace_lacks, release_lacks
from ws_deployment.clients.kubeconfig import write_one_context
from ws_deployment.clients.waiting import NotReadyError, wait_until_ready
from ws_deployment.errors import CancelledError, UsageError
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real


@pytest.fixture
def kube(shared_cluster: LabCluster) -> Kube:
    return Kube(shared_cluster.kubeconfig)


def config_map(name: str, namespace: str = "default", **data: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"of": "test-kube"}},
        "data": data,
    }


def test_objects_are_applied_read_listed_and_deleted(kube: Kube) -> None:
    kube.apply(config_map("one", a="1"))
    kube.apply(config_map("one", a="2"))
    found = kube.get("v1", "ConfigMap", "one", "default")
    assert found is not None
    assert found["data"] == {"a": "2"}
    assert found["metadata"]["managedFields"][0]["manager"] == "ws-deployment"
    assert [one["metadata"]["name"] for one in kube.list("v1", "ConfigMap", selector={"of": "test-kube"})] == ["one"]
    kube.delete("v1", "ConfigMap", "one", "default")
    kube.delete("v1", "ConfigMap", "one", "default")
    assert kube.get("v1", "ConfigMap", "one", "default") is None


def test_long_lists_come_in_pages(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ws_deployment.clients.kube._PAGE", 2)
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        kube.apply({**config_map(name), "metadata": {"name": name, "namespace": "default", "labels": {"of": "pages"}}})
    found = kube.list("v1", "ConfigMap", "default", selector={"of": "pages"})
    assert [one["metadata"]["name"] for one in found] == names
    assert {(one["apiVersion"], one["kind"]) for one in found} == {("v1", "ConfigMap")}


def test_version_nodes_and_served_apis(kube: Kube, shared_cluster: LabCluster) -> None:
    assert kube.version().startswith("v1.")
    nodes = kube.nodes()
    assert len(nodes) == shared_cluster.nodes
    assert all(node.ready for node in nodes)
    asked = [("apps/v1", "Deployment"), ("apps/v1beta1", "Deployment"), ("x.io/v1", "Thing"), ("v1", "Pod")]
    assert kube.not_served(asked) == (("apps/v1beta1", "Deployment"), ("x.io/v1", "Thing"))


def test_a_secret_is_decoded(kube: Kube) -> None:
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", "namespace": "default"},
            "stringData": {"tls.key": "key"},
        }
    )
    assert kube.secret("s", "default") == {"tls.key": b"key"}
    assert kube.secret("nowhere", "default") is None


def test_refusals_conflicts_and_unreachable_servers(kube: Kube, shared_cluster: LabCluster, tmp_path: Path) -> None:
    with pytest.raises(KubeError, match="422 ConfigMap"):
        kube.apply(config_map("NOT_A_NAME"))
    with pytest.raises(KubeError, match="does not serve it"):
        kube.get("x.io/v1", "Thing", "x")
    with pytest.raises(KubeError, match="get-contexts"):
        Kube(tmp_path / "nowhere").version()
    text = shared_cluster.kubeconfig.read_text().replace(str(shared_cluster.api_port), "1")
    (tmp_path / "dead").write_text(text)
    with pytest.raises(TransientKubeError, match="out of reach"):
        Kube(tmp_path / "dead").version()


def test_fields_of_another_manager_are_left_to_it(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr("ws_deployment.clients.kube.FIELD_MANAGER", "somebody-else")
        kube.apply(config_map("shared", a="theirs"))
    with pytest.raises(KubeError, match="somebody-else") as caught:
        kube.apply(config_map("shared", a="ours"))
    assert not caught.value.transient


def test_many_threads_with_clients_of_their_own(shared_cluster: LabCluster) -> None:
    def work(number: int) -> str:
        kube = Kube(shared_cluster.kubeconfig)
        for turn in range(5):
            kube.apply(config_map(f"thread-{number}", turn=str(turn)))
        return str((kube.get("v1", "ConfigMap", f"thread-{number}", "default") or {})["data"]["turn"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {"4"}


def test_nothing_is_discovered_into_a_shared_folder(
    kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kube.version()
    assert not list(tmp_path.iterdir())


def test_a_workload_that_cannot_start_is_explained(kube: Kube) -> None:
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sick"}})
    labels = {"app": "sick"}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "sick", "namespace": "sick"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"nodeSelector": {"no": "where"}, "containers": [{"name": "c", "image": "i"}]},
            },
        },
    }
    kube.apply(manifest)
    told: list[str] = []
    with pytest.raises(NotReadyError, match=r"Deployment/sick: .*\(Pod sick-.*: Unschedulable: "):
        wait_until_ready(
            "waiting for",
            lambda: namespace_lacks(kube, "sick"),
            on="sick",
            deadline=time.monotonic() + 3,
            progress=told.append,
        )
    assert told
    assert "does not exist" in release_lacks(
        kube, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: nowhere}\n", "sick"
    )


def test_waiting_can_be_cancelled_and_outlives_an_unreachable_server() -> None:
    answers = iter([TransientKubeError("x", why="the API server is out of reach"), "1 of 2", ""])

    def lacks() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    told: list[str] = []
    wait_until_ready("waiting for", lacks, deadline=time.monotonic() + 5, progress=told.append, poll=0.01)
    assert told == ["the API server is out of reach", "1 of 2"]
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        wait_until_ready("waiting for", lambda: "x", deadline=time.monotonic() + 5, cancelled=cancelled)


def test_one_context_is_taken_out_of_the_users_kubeconfig(
    shared_cluster: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shared_cluster.kubeconfig.read_text()
    home = tmp_path / "home"
    home.mkdir()
    (home / "config").write_text(text)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'nowhere'}:{home / 'config'}")
    target = tmp_path / "one"
    write_one_context(None, None, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert Kube(target).version() == Kube(shared_cluster.kubeconfig).version()
    with pytest.raises(UsageError, match="no kubeconfig has it"):
        write_one_context(None, "elsewhere", target)


@pytest.mark.parametrize("text", ["[]", "text", "", "{", "clusters: 1", "contexts: [1]\ncurrent-context: x", "\t- a"])
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubeError, match="reading the kubeconfig"):
        Kube(tmp_path / "config").version()


def test_a_kubeconfig_with_parts_of_another_shape_is_told(tmp_path: Path) -> None:
    told = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": None}],
        "users": [{"name": "x", "user": {"client-certificate-data": "no base64"}}],
    }
    for clusters in (told["clusters"], None, "x", [{"name": "x"}], [{"name": "x", "cluster": {"server": 1}}]):
        (tmp_path / "config").write_text(json.dumps(told | {"clusters": clusters}))
        with pytest.raises(KubeError, match="reading the kubeconfig"):
            Kube(tmp_path / "config").version()


def test_fields_are_applied_patched_and_tried_by_a_manager_of_ones_own(kube: Kube) -> None:
    made = kube.apply(config_map("fields", a="1", b="1"))
    target = config_map("fields")
    version = made["metadata"]["resourceVersion"]
    tried = kube.apply_fields(config_map("fields", a="2"), "another", dry_run=True)
    assert tried["data"] == {"a": "2", "b": "1"}
    assert (kube.get("v1", "ConfigMap", "fields", "default") or {})["metadata"]["resourceVersion"] == version
    assert kube.apply_fields(config_map("fields", a="2"), "another")["data"] == {"a": "2", "b": "1"}
    stale = config_map("fields", a="3")
    stale["metadata"]["resourceVersion"] = version  # type: ignore[index]  # a dict by nature
    with pytest.raises(ConflictKubeError):
        kube.apply_fields(stale, "another")
    remove = [{"op": "test", "path": "/data/b", "value": "1"}, {"op": "remove", "path": "/data/b"}]
    assert kube.patch(target, remove, "another", dry_run=True)["data"] == {"a": "2"}
    assert kube.patch(target, remove, "another")["data"] == {"a": "2"}
    with pytest.raises(KubeError):
        kube.patch(target, remove, "another")
    with pytest.raises(KubeError, match="not declared in schema"):
        kube.apply_fields({**config_map("fields"), "datum": {}}, "another")
    assert kube.try_create(config_map("never", a="1"), "another")["data"] == {"a": "1"}
    assert kube.get("v1", "ConfigMap", "never", "default") is None


def test_objects_are_chosen_by_one_of_several_labels_or_by_having_one(kube: Kube) -> None:
    for number in range(3):
        metadata = {"name": f"chosen-{number}", "namespace": "default", "labels": {"choice": str(number)}}
        kube.apply({**config_map(""), "metadata": metadata})
    chosen = kube.list("v1", "ConfigMap", "default", selector={"choice": ["0", "2"]})
    assert [one["metadata"]["name"] for one in chosen] == ["chosen-0", "chosen-2"]
    pages = list(kube.pages("v1", "ConfigMap", "default", selector={"choice": ()}, size=2))
    assert [len(page) for page in pages] == [2, 1]


def test_schemas_are_told_by_name(kube: Kube) -> None:
    assert "io.k8s.api.apps.v1.Deployment" in kube.schemas("apps/v1")
    assert "io.k8s.api.core.v1.ConfigMap" in kube.schemas("v1")
    with pytest.raises(KubeError, match="404"):
        kube.schemas("nowhere.io/v1")

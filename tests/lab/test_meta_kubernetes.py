"""The Kubernetes API of a lab's meta cluster, and what is kept in it."""

from __future__ import annotations

import pytest

from ws_deployment.clients.kube import Kube
from ws_deployment.fleet.clusters import MetaCluster
from ws_deployment.interfaces import KubernetesAccess, NotYetError
from ws_deployment.lab import daemon, meta_kubernetes
from ws_deployment.lab.cluster_type import LocalCluster
from ws_deployment.lab.everything import lab_status, remove_everything
from ws_deployment.lab.layout import lab_home
from ws_deployment.lab.meta import ensure_meta, stop_meta

OWN = MetaCluster("m1", "europe-west1", "local", None, KubernetesAccess(namespace="rollouts"))


def test_only_the_config_gives_a_meta_cluster_one() -> None:
    assert LocalCluster().kubernetes(MetaCluster("m1", "europe-west1", "local", None)) is None
    other = KubernetesAccess(context="prod")
    assert LocalCluster().kubernetes(MetaCluster("m1", "europe-west1", "local", None, other)) == other
    with pytest.raises(NotYetError, match="the lab starts it in a run"):
        LocalCluster().kubernetes(OWN)
    assert not (lab_home() / "meta-kubernetes").exists()


@pytest.mark.real
def test_what_is_in_it_outlives_its_processes_and_its_bridge() -> None:
    ensure_meta("m1")
    made = meta_kubernetes.ensure("m1")
    access = LocalCluster().kubernetes(OWN)
    assert access == KubernetesAccess(kubeconfig=str(made.kubeconfig), namespace="rollouts")
    assert made.kubeconfig.stat().st_mode & 0o777 == 0o600
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "default"}}
    Kube(made.kubeconfig).create(kept)
    ensure_meta("m1", "2021")
    assert len(daemon.strays(made.folder)) == 2
    assert lab_status()["metaClusters"][0]["kubeconfig"] == str(made.kubeconfig)
    stop_meta("m1")
    assert daemon.strays(made.folder) == []
    assert meta_kubernetes.ensure("m1") == made
    assert Kube(made.kubeconfig).get("v1", "ConfigMap", "kept", "default")
    remove_everything()
    assert meta_kubernetes.find("m1") is None
    assert daemon.strays(lab_home()) == []

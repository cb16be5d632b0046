"""Two releases of a cluster `c` with a Widget, the second of which deletes that; as folders, and the cluster itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ws_deployment.clients.kube import Kube
from ws_deployment.releases import marks

WIDGET = {"apiVersion": "tests.ws-deployment.dev/v1", "kind": "Widget"}
CLUSTER = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster"}
SPEC = {"text": "a", "size": 3}
_REF = {"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": "c"}
_NAMED = {"cluster.x-k8s.io/cluster-name": "c"}


def write_releases(folder: Path, *, irreversible: bool = False) -> Path:
    """Write the releases 1.0.0 and 2.0.0, which has no widget any more and deletes the one that there is."""
    cluster = _defaults("cluster", {**CLUSTER, "metadata": {"name": "${cluster}"}, "spec": {"controlPlaneRef": _REF}})
    widget = _defaults("w", {**WIDGET, "metadata": {"name": "${cluster}-w"}, "spec": SPEC})
    rule = {"resource": "w", "rule": "overwrite", "reason": "nothing reads it any more", "irreversible": irreversible}
    definition = {"kind": "MutableFields", "objects": [rule]}
    for version, others in (("1.0.0", [widget]), ("2.0.0", [definition])):
        (folder / version).mkdir(parents=True)
        release = {"kind": "Release", "version": version, "predecessors": ["<2.0.0"] if version == "2.0.0" else []}
        for name, one in (("release", release), ("cluster", cluster), ("other", *others)):
            document = {"apiVersion": "ws-deployment.dev/v1", **one}
            (folder / version / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return folder


def make_cluster(kube: Kube, space: str) -> None:
    """The cluster, of release 1.0.0, with a widget that a person has changed."""
    labels = {**_NAMED, marks.RELEASE: "1.0.0"}
    metadata = {"name": "c", "namespace": space, "labels": labels}
    kube.apply_fields({**CLUSTER, "metadata": metadata, "spec": {"controlPlaneRef": _REF}}, "kubectl")
    make_widget(kube, space, {**SPEC, "timeout": "90s"})


def make_widget(kube: Kube, space: str, spec: dict[str, Any], **metadata: Any) -> None:
    """Apply the widget as a person does."""
    named = {"name": "c-w", "namespace": space, "labels": {**_NAMED, "team": "search"}, **metadata}
    kube.apply_fields({**WIDGET, "metadata": named, "spec": spec}, "kubectl")


def widget_of(kube: Kube, space: str) -> dict[str, Any] | None:
    """The widget; None where there is none."""
    return kube.get(WIDGET["apiVersion"], WIDGET["kind"], "c-w", space)


def _defaults(name: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "ResourceDefaults", "name": name, "resource": resource}

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
    rule = {"resource": "w", "rule": "overwrite", "reason": "nothing reads it any more", "irreversible": irreversible}
    write_release(folder, "1.0.0", SPEC)
    _write(folder / "2.0.0", "mutable-fields", {"kind": "MutableFields", "objects": [rule]})
    return write_release(folder, "2.0.0", None)


def write_release(folder: Path, version: str, widget: dict[str, Any] | None) -> Path:
    """Write a release that follows all before it; with a widget of that spec, or without one. The folder."""
    cluster = {**CLUSTER, "metadata": {"name": "${cluster}"}, "spec": {"controlPlaneRef": _REF}}
    into = folder / version
    _write(into, "release", {"kind": "Release", "version": version, "predecessors": [f"<{version}"]})
    _write(into, "cluster", {"kind": "ResourceDefaults", "name": "cluster", "resource": cluster})
    if widget is not None:
        resource = {**WIDGET, "metadata": {"name": "${cluster}-w"}, "spec": widget}
        _write(into, "widget", {"kind": "ResourceDefaults", "name": "w", "resource": resource})
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


def _write(folder: Path, name: str, document: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"apiVersion": "ws-deployment.dev/v1", **document}))

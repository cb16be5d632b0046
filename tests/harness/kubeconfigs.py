"""Kubeconfigs with several contexts: another user of a cluster, and a cluster that does not answer."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ws_deployment.clients.kube import Kube

#: A context of a cluster at whose port nobody listens.
ELSEWHERE = "elsewhere"
#: A context of the cluster of the kubeconfig that was extended, with its user.
HERE = "here"


def with_contexts(kubeconfig: Path, path: Path, *, current: str, tokens: Mapping[str, str] | None = None) -> Path:
    """Write a kubeconfig with the contexts HERE and ELSEWHERE, and one for each of `tokens` with such a user."""
    document = yaml.safe_load(kubeconfig.read_text())
    here = next(one["context"] for one in document["contexts"] if one["name"] == document["current-context"])
    document["clusters"].append({"name": ELSEWHERE, "cluster": {"server": "https://127.0.0.1:9"}})
    document["users"] += [{"name": name, "user": {"token": token}} for name, token in (tokens or {}).items()]
    document["contexts"] = [
        {"name": HERE, "context": here},
        {"name": ELSEWHERE, "context": {**here, "cluster": ELSEWHERE}},
        *({"name": name, "context": {**here, "user": name}} for name in tokens or ()),
    ]
    path.write_text(yaml.safe_dump({**document, "current-context": current}))
    return path


def service_account(kube: Kube, space: str, rules: list[dict[str, Any]]) -> str:
    """The token of a new ServiceAccount that has these rights in its namespace, and may see kube-system's name."""
    name = f"account-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "namespace": space}
    kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    group = "rbac.authorization.k8s.io"
    subjects = [{"kind": "ServiceAccount", **metadata}]
    uid = [{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}]
    cluster_wide = {"name": f"{space}-{name}"}
    for kind, where, granted in (("Role", metadata, rules), ("ClusterRole", cluster_wide, uid if rules else [])):
        role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": where, "rules": granted}
        binding = {"apiVersion": f"{group}/v1", "kind": f"{kind}Binding", "metadata": where, "subjects": subjects}
        kube.create(role)
        kube.create({**binding, "roleRef": {"apiGroup": group, "kind": kind, "name": where["name"]}})
    path = f"/api/v1/namespaces/{space}/serviceaccounts/{name}/token"
    answer = kube._request("post", path, "asking for a token of", name, body={"spec": {}})
    return str(answer["status"]["token"])

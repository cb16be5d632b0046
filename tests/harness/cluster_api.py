"""Cluster API's own CRDs, from its pinned Go module, on a real API server; and clusters as its users write them.

Without its controllers there is no conversion between versions: the version that is stored is the one that is served.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from harness.go_modules import module_folder

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import KubeError, TransientKubeError

EXAMPLES = Path(__file__).parents[2] / "configs" / "releases"
_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_FOLDERS = ("core", "controlplane/kubeadm", "bootstrap/kubeadm")
_KINDS = ("clusters", "machinedeployments", "machinehealthchecks", "kubeadmcontrolplanes", "kubeadmconfigtemplates")


def crds() -> list[dict[str, Any]]:
    """The CRDs of the kinds that the examples use, each with the version that is stored alone."""
    top = module_folder("cluster-api", "sigs.k8s.io/cluster-api")
    files = [file for folder in _FOLDERS for file in sorted((top / folder / "config" / "crd" / "bases").iterdir())]
    found = [_read(file.read_text()) for file in files if file.stem.partition("_")[2] in _KINDS]
    for crd in found:
        crd["spec"]["versions"] = [one for one in crd["spec"]["versions"] if one["storage"]]
        crd["spec"].pop("conversion", None)
    return found


def install(kube: Kube, documents: Iterable[dict[str, Any]]) -> None:
    """Install CRDs, and wait until they are served, and their schemas are told, which comes some time later."""
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(kube.apply, documents))
    for crd in made:
        deadline = time.monotonic() + 60
        name = crd["metadata"]["name"]
        while not (_established(kube.get(*_CRD, name)) and _told(kube, crd["spec"])):
            assert time.monotonic() < deadline, f"{name} is not served"
            time.sleep(0.1)


def apply_as_user(kube: Kube, text: str) -> None:
    """Apply the documents of a file as a person would by `kubectl apply --server-side`."""
    for document in yaml.safe_load_all(text):
        deadline = time.monotonic() + 30
        while True:
            try:
                kube.apply_fields(document, "kubectl")
            except KubeError as error:
                # A new kind is served a moment after its CRD is established.
                if "404" not in error.why or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                break


def _read(text: str) -> Any:
    """Large files: by the C parser where PyYAML has it."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  either is a safe one


def _told(kube: Kube, spec: Any) -> bool:
    """Whether the API server tells the schema of a CRD."""
    try:
        schemas = kube.schemas(f"{spec['group']}/{spec['versions'][0]['name']}")
    except (KubeError, TransientKubeError):
        return False
    kinds = (one["kind"] for schema in schemas.values() for one in schema.get("x-kubernetes-group-version-kind", ()))
    return spec["names"]["kind"] in kinds


def _established(crd: Any) -> bool:
    conditions = (crd or {}).get("status", {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

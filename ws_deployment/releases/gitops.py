"""Who writes an object from elsewhere: Flux or Argo CD. What is applied beside them is undone by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KUSTOMIZE, _HELM = "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"
_ARGO_TRACKING, _ARGO_INSTANCE = "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"
#: Their field managers, for objects that bear no mark of theirs.
_MANAGERS = {
    "kustomize-controller": "Flux (kustomize-controller)",
    "helm-controller": "Flux (helm-controller)",
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
}


def owner(live: Mapping[str, Any]) -> str:
    """The owner of an object as people name it, `Flux Kustomization flux-system/apps`; empty where it has none."""
    metadata = live["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    for group, kind in ((_KUSTOMIZE, "Kustomization"), (_HELM, "HelmRelease")):
        if name := labels.get(f"{group}/name"):
            return f"Flux {kind} {labels.get(f'{group}/namespace', '')}/{name}"
    if tracking := annotations.get(_ARGO_TRACKING):
        return f"Argo CD application {tracking.partition(':')[0]}"
    if name := labels.get(_ARGO_INSTANCE) or annotations.get(_ARGO_INSTANCE):
        return f"Argo CD application {name}"
    managers = (one.get("manager") for one in metadata.get("managedFields") or ())
    return next((_MANAGERS[one] for one in managers if one in _MANAGERS), "")

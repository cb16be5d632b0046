"""Where a cluster's kubeconfig is kept: in its own folder, but never by a dry run."""

from __future__ import annotations

from pathlib import Path

from ws_deployment.interfaces import StepContext
from ws_deployment.tools.folders import private_folder


def kubeconfig_path(context: StepContext) -> Path:
    """Path of the context's cluster's kubeconfig, its folder made. A dry run's goes with the command."""
    if context.dry_run:
        return context.scratch / f"{context.cluster.name}.kubeconfig"
    return private_folder(context.folder) / "kubeconfig"

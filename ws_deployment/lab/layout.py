"""Where the lab keeps its clusters and meta clusters. Names of files and folders alone.

A folder belongs to one cluster and holds all of it: its record, processes, logs, keys and data.
"""

from __future__ import annotations

import re
from pathlib import Path

from ws_deployment.errors import UsageError
from ws_deployment.tools.folders import state_path

# A name becomes a folder's and a host name's label (RFC 1123).
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def lab_home() -> Path:
    """The lab's own folder; not made here."""
    return state_path() / "lab"


def cluster_folder(name: str) -> Path:
    """The folder of the lab cluster `name`. Raises UsageError when `name` can't be a cluster's."""
    return lab_home() / "clusters" / _checked(name)


def meta_folder(name: str) -> Path:
    """The folder of the lab's meta cluster `name`. Raises UsageError when `name` can't be a cluster's."""
    return lab_home() / "meta" / _checked(name)


def meta_kubernetes_folder(name: str) -> Path:
    """The folder of the Kubernetes API of the lab's meta cluster `name`. Raises UsageError as `meta_folder` does."""
    return lab_home() / "meta-kubernetes" / _checked(name)


def lock_file(folder: Path) -> Path:
    """The lock around changes to what lives in `folder`; it lies elsewhere, because the folder comes and goes."""
    return lab_home() / "locks" / f"{folder.parent.name}-{folder.name}.lock"


def names_in(kind: str) -> list[str]:
    """The names of the folders in `clusters`, `meta` or `meta-kubernetes`, sorted."""
    folder = lab_home() / kind
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _checked(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    raise UsageError(
        "naming a lab cluster",
        on=repr(name),
        why="it is no RFC 1123 label",
        remedy="Use lower-case letters, digits and dashes, at most 63, beginning and ending in a letter or digit.",
    )

"""Where a fleet's things are below the program's state folder. Paths alone; nothing is made."""

from __future__ import annotations

from pathlib import Path


def cluster_folder(state: Path, fleet: str, name: str) -> Path:
    """The private folder of a cluster or meta cluster of a fleet."""
    return state / "fleets" / fleet / name


def instance_folder(folder: Path) -> Path:
    """The Terraform instance in a cluster's folder, with its state when that is local."""
    return folder / "terraform"

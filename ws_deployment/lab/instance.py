"""The Terraform instance that made a lab cluster: destroys through it, and forgets it when the cluster is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

from ws_deployment.fleet.folders import cluster_folder, instance_folder
from ws_deployment.lab.cluster import delete_cluster
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.find import find
from ws_deployment.tools.folders import cache_home, state_path


def folder_of(cluster: LabCluster) -> Path:
    """The folder of the cluster in its fleet."""
    return cluster_folder(state_path(), cluster.fleet, cluster.name)


def destroy(cluster: LabCluster) -> None:
    """Remove the cluster by Terraform where Terraform made it, else directly; its folder in the fleet goes with it."""
    instance = instance_folder(folder_of(cluster))
    program = find("terraform")
    if (instance / "terraform.tfstate").exists() and program:
        from ws_deployment.clients.terraform import Terraform  # noqa: PLC0415  only here

        Terraform(program.path, instance, {}, cache_home() / "terraform-plugins").destroy()
    delete_cluster(cluster.name)
    forget(cluster)


def forget(cluster: LabCluster) -> None:
    """Remove the folder of a cluster that is gone: its state would only tell of what is not there."""
    shutil.rmtree(folder_of(cluster), ignore_errors=True)

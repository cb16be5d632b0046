"""A bare repository that holds a cluster's resources, and the plan of its upgrade, for those who commit it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.upgrade_plans import plan_of

from ws_deployment.releases import plan_file

ALPHA = """apiVersion: cluster.x-k8s.io/v1beta1
kind: Cluster
metadata: {name: alpha, namespace: org}
spec:
  version: "v1.29.4" # the version
  size: 1
"""
#: What an upgrade makes of it.
UPGRADED = ALPHA.replace("v1.29.4", "v1.30.2").replace("size: 1", "size: 3\n  class: aws")
BRANCH = "upgrade/alpha"


def git(folder: Path, *words: str) -> str:
    """What git says to `words` in a folder."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    plain = ["-c", "commit.gpgSign=false"]
    done = subprocess.run(["git", *identity, *plain, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_origin(folder: Path) -> Path:
    """A bare repository `origin.git` below `folder`, whose branch main holds the cluster alpha."""
    made = folder / "made"
    made.mkdir(parents=True)
    git(made, "init", "--quiet")
    (made / "alpha.yaml").write_text(ALPHA)
    git(made, "add", ".")
    git(made, "commit", "--quiet", "-m", "one")
    git(folder, "clone", "--quiet", "--bare", "made", "origin.git")
    return folder / "origin.git"


def make_plan(folder: Path) -> Path:
    """A file with the plan of alpha's upgrade."""
    path = folder / "plan"
    list(plan_file.write(path, [plan_of({"spec.version": "v1.29.4", "spec.size": 1})]))
    return path

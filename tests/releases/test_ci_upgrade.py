"""The one-button jobs of configs/ci: their own scripts, run by bash as the CI would, at a real management cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.cluster_api import EXAMPLES, apply_as_user

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real

CI = Path(__file__).parents[2] / "configs" / "ci"


@pytest.fixture
def job(shared_cluster: LabCluster, management: Kube, space: str, tmp_path: Path) -> Any:
    """Runs a script in a folder with the programs that the jobs call; a repository holds the clusters."""
    programs = tmp_path / "bin"
    programs.mkdir()
    calls = tmp_path / "calls"
    for name, line in {
        "ws-deployment": f'exec {sys.executable} -m ws_deployment.cli.main "$@"',
        "gh": f'echo "gh $*" >> {calls}',
        "pip": f'echo "pip $*" >> {calls}',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    made = tmp_path / "made"
    made.mkdir()
    for file in (EXAMPLES / "clusters").glob("*.yaml"):
        text = file.read_text().replace("namespace: clusters", f"namespace: {space}")
        apply_as_user(management, text)
        (made / file.name).write_text(text)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *who, *words], cwd=made, check=True)
    subprocess.run(["git", "clone", "--quiet", "--bare", "made", "origin.git"], cwd=tmp_path, check=True)
    env = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "KUBECONFIG": str(shared_cluster.kubeconfig),
        "WS_DEPLOYMENT_RELEASES": str(EXAMPLES),
        "WS_DEPLOYMENT_REPOSITORY": str(tmp_path / "origin.git"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "CLUSTER": f"{space}/alpha",
        "VERSION": "20.1.0",
    }

    def run(script: str, **more: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=tmp_path,
            env=os.environ | env | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def script_of(job: str, step: str) -> str:
    workflow = yaml.safe_load((CI / "github-upgrade.yaml").read_text())
    return str(next(one["run"] for one in workflow["jobs"][job]["steps"] if one.get("name") == step))


def version(kube: Kube, space: str) -> str:
    found = kube.get("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane", "alpha-control-plane", space)
    assert found is not None
    return str(found["spec"]["version"])


def branches(folder: Path) -> str:
    return subprocess.run(
        ["git", "branch"], cwd=folder / "origin.git", check=True, capture_output=True, text=True
    ).stdout


def test_the_button_of_github_plans_and_applies_what_was_reviewed(
    job: Any, management: Kube, space: str, tmp_path: Path
) -> None:
    job(script_of("plan", "plan"))
    assert "v1.33.5" in (tmp_path / "summary").read_text()
    assert (tmp_path / "output").read_text() == "changes=true\n"
    assert version(management, space) == "v1.32.9"
    job(script_of("commit", "commit"))
    assert f"upgrade/{space}/alpha-20.1.0" in branches(tmp_path)
    assert f"gh pr create --head upgrade/{space}/alpha-20.1.0" in (tmp_path / "calls").read_text()
    assert version(management, space) == "v1.32.9"
    job(script_of("apply", "apply"))
    assert version(management, space) == "v1.33.5"
    for name in ("plan", "output"):
        (tmp_path / name).unlink()
    job(script_of("plan", "plan"))
    assert not (tmp_path / "output").exists(), "where nothing changes, the other jobs are left out"


def test_the_button_of_werft_commits_or_applies(job: Any, management: Kube, space: str, tmp_path: Path) -> None:
    text = re.sub(r"^.*\{\{.*\n", "", (CI / "werft-upgrade.yaml").read_text(), flags=re.MULTILINE)
    (container,) = yaml.safe_load(text)["pod"]["containers"]
    (script,) = container["args"]
    job(script)
    assert f"upgrade/{space}/alpha-20.1.0" in branches(tmp_path)
    assert version(management, space) == "v1.32.9"
    job(script, APPLY="true")
    assert version(management, space) == "v1.33.5"


def test_the_buttons_ask_for_cluster_and_version() -> None:
    inputs = yaml.safe_load((CI / "github-upgrade.yaml").read_text())[True]["workflow_dispatch"]["inputs"]
    assert [name for name, one in inputs.items() if one.get("required")] == ["cluster", "version"]
    arguments = re.findall(r"- name: (\w+)\n  required: true", (CI / "werft-upgrade.yaml").read_text())
    assert arguments == ["cluster", "version"]

"""A step of one's own, installed as a package of its own, from the documented example."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.configs import write_config
from harness.program import program

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "say-hello"
MOST_LINES = 30


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which the program finds the installed package."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", target]
    subprocess.run([*map(str, pip), str(EXAMPLE)], check=True)
    return {"PYTHONPATH": os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])}


def test_it_is_short_and_documented() -> None:
    code = (EXAMPLE / "say_hello.py").read_text()
    assert len(code.splitlines()) <= MOST_LINES
    assert code.split('"""', 2)[2].strip() in (ROOT / "docs" / "writing-a-step.md").read_text()


def test_it_is_listed_with_its_parameters(installed: dict[str, str]) -> None:
    listed = json.loads(program("steps", "list", "--json", env=installed).out)
    assert {
        "name": "say-hello",
        "scope": "cluster",
        "summary": "Leave a greeting in the cluster.",
        "from": "say-hello 1.0.0",
    } in listed
    shown = program("steps", "show", "say-hello", env=installed)
    assert 'text: text, default "hello"' in shown.out
    assert "What to say." in shown.out


def test_its_parameters_are_validated_with_the_config(tmp_path: Path, installed: dict[str, str]) -> None:
    config = write_config(tmp_path, pipeline=[{"step": "say-hello", "with": {"txt": "hi"}}])
    ended = program("validate", "-c", config, env=installed)
    assert ended.code == 2
    assert "txt" in ended.out
    assert "text" in ended.out


@pytest.mark.real
def test_it_runs(tmp_path: Path, installed: dict[str, str], shared_cluster: LabCluster) -> None:
    config = write_config(
        tmp_path,
        workspaceClusters=[
            {
                "prefix": "eu",
                "name": "shared",
                "region": "europe-west1",
                "governedBy": "meta",
                "type": "existing",
                "create": False,
                "kubeconfig": str(shared_cluster.kubeconfig),
            }
        ],
        metaClusters=[{"name": "meta", "region": "europe-west1", "type": "existing"}],
        pipeline=["create-cluster", {"step": "say-hello", "with": {"text": "good morning"}}],
    )
    ended = program("run", "-c", config, "--json", env=installed)
    assert ended.code == 0, ended.err
    assert ended.statuses() == {"shared/create-cluster": "skipped", "shared/say-hello": "done"}
    greeting = Kube(shared_cluster.kubeconfig).get("v1", "ConfigMap", "greeting", "default")
    assert greeting
    assert greeting["data"] == {"text": "good morning"}

"""The module terraform/local in real Terraform: created, unchanged, drifted, removed, and cleared after a failure."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ws_deployment.lab import daemon
from ws_deployment.lab.cluster import create_cluster, get_cluster, is_running, list_clusters
from ws_deployment.lab.layout import lab_home
from ws_deployment.tools.bundled import bundled
from ws_deployment.tools.find import Found
from ws_deployment.tools.folders import state_path

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Root:
    """A root module that calls terraform/local."""

    folder: Path
    program: str

    def write(self, **variables: Any) -> None:
        inputs = {
            "source": str(bundled("terraform/local")),
            "name": "tf",
            "region": "europe-west1",
            "labels": {"team": "a b; $(false)", "quote": "'\"`"},
            "run_id": "r1",
            "fleet": "demo",
            "program": [sys.executable, "-m", "ws_deployment.lab"],
            "state_home": str(state_path().parent),
            **variables,
        }
        outputs = {name: {"value": f"${{module.cluster.{name}}}"} for name in ("endpoint", "url", "kubeconfig_path")}
        secret = {"ca_certificate": {"value": "${module.cluster.ca_certificate}", "sensitive": True}}
        self.folder.mkdir(exist_ok=True)
        (self.folder / "main.tf.json").write_text(
            json.dumps({"module": {"cluster": inputs}, "output": outputs | secret})
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [self.program, *arguments], cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def outputs(self) -> dict[str, Any]:
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json")).items()}


@pytest.fixture
def root(tmp_path: Path, tools: dict[str, Found]) -> Root:
    made = Root(tmp_path / "root", str(tools["terraform"].path))
    made.write()
    made.run("init", "-input=false")
    return made


def test_from_plan_to_nothing_left(root: Root) -> None:
    root.run("plan", "-input=false", "-out=plan")
    assert list_clusters() == []
    root.run("apply", "-input=false", "plan")
    made = get_cluster("tf")
    assert is_running(made)
    assert (made.run_id, made.fleet, made.labels) == ("r1", "demo", {"team": "a b; $(false)", "quote": "'\"`"})
    assert root.outputs() == {
        "endpoint": made.endpoint,
        "url": made.url,
        "kubeconfig_path": str(made.kubeconfig),
        "ca_certificate": made.ca_certificate,
    }
    # A later run, from another installation, finds nothing to do, and does not become the owner.
    root.write(run_id="r2")
    root.run("plan", "-input=false", "-detailed-exitcode")
    root.run("destroy", "-input=false", "-auto-approve")
    assert list_clusters() == []
    assert daemon.strays(lab_home()) == []


def test_what_a_failed_creation_has_left_is_gone_on_with_or_removed(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "kwok"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo kwok version v0.8.0 && exit\necho no such flag\nexit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setenv("WS_DEPLOYMENT_KWOK", str(broken))
    assert "no such flag" in root.run("apply", "-input=false", "-auto-approve", code=1)
    assert not get_cluster("tf").complete
    assert daemon.strays(lab_home())
    root.run("destroy", "-input=false", "-auto-approve")
    assert list_clusters() == []
    assert daemon.strays(lab_home()) == []
    assert "no such flag" in root.run("apply", "-input=false", "-auto-approve", code=1)
    server = daemon.find(get_cluster("tf").folder, "kube-apiserver")
    monkeypatch.delenv("WS_DEPLOYMENT_KWOK")
    root.run("apply", "-input=false", "-auto-approve")
    made = get_cluster("tf")
    assert is_running(made)
    assert daemon.find(made.folder, "kube-apiserver") == server
    assert root.outputs()["endpoint"] == made.endpoint


def test_anothers_cluster_is_neither_taken_nor_removed(root: Root) -> None:
    other = create_cluster("tf", run_id="other", fleet="f")
    assert "it belongs to run other, not to r1" in root.run("apply", "-input=false", "-auto-approve", code=1)
    assert "it belongs to run other, not to r1" in root.run("destroy", "-input=false", "-auto-approve", code=1)
    assert is_running(other)

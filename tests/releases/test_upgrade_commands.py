"""`release` and `upgrade` as commands: what they print, keep and end with. What plans do is tested beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from harness.cluster_api import EXAMPLES, apply_as_user
from harness.program import Ended, program

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases import marks, plan_file
from ws_deployment.releases.plan import UpgradePlan

pytestmark = pytest.mark.real

Run = Callable[..., Ended]
#: After its mark was changed by hand; and with a flag of the kubelet's own, which the definition overwrites.
UNFIT = ("alpha", "beta")


@pytest.fixture
def run(management: Kube, shared_cluster: LabCluster, space: str) -> Run:
    for file in sorted((EXAMPLES / "clusters").glob("*.yaml")):
        apply_as_user(management, file.read_text().replace("namespace: clusters", f"namespace: {space}"))
    env = {"KUBECONFIG": str(shared_cluster.kubeconfig), "WS_DEPLOYMENT_RELEASES": str(EXAMPLES)}
    return lambda *words, **more: program(*words, env={**env, **more})


def unwrapped(text: str) -> str:
    """A text as it would be on one line."""
    return " ".join(text.split())


def test_a_plan_is_shown_kept_applied_and_then_empty(run: Run, space: str, tmp_path: Path) -> None:
    out = tmp_path / "plan"
    plan = ["upgrade", "plan", "alpha", "-n", space, "--to", "20.1.0"]
    planned = run(*plan, "--out", out, "--detailed-exitcode")
    assert planned.code == 2, planned.err
    assert f"{space}/alpha 20.0.0 → 20.1.0: 5 fields of 5 objects to change, disruptive," in unwrapped(planned.out)
    assert "~ spec.version: v1.32.9 → v1.33.5" in planned.out
    assert "overwrite: the control plane runs the release's Kubernetes" in planned.out
    assert f"ws-deployment upgrade apply {out}" in planned.err
    assert out.stat().st_mode & 0o777 == 0o600
    assert run("upgrade", "show-plan", out).out == planned.out
    applied = run("upgrade", "apply", out)
    assert applied.code == 0, applied.err
    assert applied.out == f"{space}/alpha is to become 20.1.0: 5 objects written\n"
    assert f"changed KubeadmControlPlane {space}/alpha-control-plane" in applied.err
    assert json.loads(run("upgrade", "apply", out, "--json").out)[0]["written"] == []
    again = run(*plan, "--out", out, "--detailed-exitcode")
    assert (again.code, again.out) == (0, f"{space}/alpha 20.1.0: nothing to do\n")
    assert not out.exists(), "there is nothing to apply"


def test_killed_after_each_of_its_writes_it_is_gone_on_with(
    run: Run, shared_cluster: LabCluster, space: str, tmp_path: Path
) -> None:
    out = tmp_path / "plan"
    run("upgrade", "plan", "alpha", "-n", space, "--to", "20.1.0", "--out", out)
    env = {**os.environ, "KUBECONFIG": str(shared_cluster.kubeconfig), "WS_DEPLOYMENT_RELEASES": str(EXAMPLES)}
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "upgrade", "apply", str(out)]
    told = []
    for _ in range(5):
        applying = subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert applying.stderr
        told.append(applying.stderr.readline())
        applying.kill()
        applying.wait()
    # A killed one may have come further than it could say: nothing is done twice, and in the end all is done.
    titles = [line.split(": ", 1)[1] for line in told if line]
    assert len(titles) == len(set(titles))
    assert titles[0].startswith("created KubeadmConfigTemplate")
    assert run("upgrade", "apply", out).code == 0
    again = run("upgrade", "plan", "alpha", "-n", space, "--to", "20.1.0")
    assert again.out.endswith("nothing to do\n")


def test_every_form_of_a_plan_says_the_same(run: Run, space: str) -> None:
    plan = ["upgrade", "plan", f"{space}/alpha", f"{space}/beta", "--to", "20.1.0", "--format"]
    data = json.loads(run(*plan, "json").out)
    assert [one["cluster"] for one in data] == ["alpha", "beta"]
    assert list(yaml.safe_load_all(run(*plan, "yaml").out)) == data
    assert [UpgradePlan.from_json(one).fingerprint for one in data] == [one["fingerprint"] for one in data]
    markdown = run(*plan, "markdown").out
    assert "| `~` | `spec.version: v1.32.9 → v1.33.5` |" in markdown
    assert "```yaml" in markdown
    assert json.loads(run("upgrade", "plan", "gamma", "-n", space, "--to", "20.1.0", "--format", "json").out)


def test_what_stands_in_the_way_is_3_and_not_kept(run: Run, space: str, tmp_path: Path) -> None:
    out = tmp_path / "plan"
    refused = run("upgrade", "plan", "epsilon", "alpha", "-n", space, "--to", "20.1.0", "--out", out)
    assert refused.code == 3
    assert "Cluster epsilon is paused (spec.paused)" in refused.out
    assert f"Not kept, because it can't be carried out: {space}/epsilon." in refused.err
    assert [one.cluster for one in plan_file.read(out)] == ["alpha"]
    assert run("upgrade", "plan", "epsilon", "-n", space, "--to", "20.1.0", "--detailed-exitcode").code == 1


def test_a_moved_cluster_is_4_and_what_flux_writes_is_3(run: Run, management: Kube, space: str, tmp_path: Path) -> None:
    out = tmp_path / "plan"
    run("upgrade", "plan", "alpha", "-n", space, "--to", "20.1.0", "--out", out)
    pool = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment"}
    management.apply_fields(
        {**pool, "metadata": {"name": "alpha-workers", "namespace": space}, "spec": {"replicas": 9}}, "x"
    )
    stale = run("upgrade", "apply", out)
    assert stale.code == 4
    assert "spec.replicas was 3, is 9" in stale.err
    run("upgrade", "plan", "delta", "-n", space, "--to", "20.1.0", "--out", out)
    flux = run("upgrade", "apply", out)
    assert flux.code == 3
    assert "Flux Kustomization flux-system/clusters" in flux.err
    assert "upgrade commit" in flux.err


def test_a_question_is_answered_on_the_command_line(run: Run, space: str, tmp_path: Path) -> None:
    out = tmp_path / "plan"
    plan = ["upgrade", "plan", "gamma", "-n", space, "--to", "21.0.0", "--out", out]
    assert "1 question open" in unwrapped(run(*plan).out)
    asked = run("upgrade", "apply", out)
    assert asked.code == 3
    assert "another number of control plane nodes costs" in asked.err
    answered = run(*plan, "--answer", "KubeadmControlPlane:spec.replicas=overwrite")
    assert "~ spec.replicas: 3 → 5" in answered.out
    assert run("upgrade", "apply", out).code == 0


def test_a_definition_is_laid_over_the_releases(run: Run, space: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    entry = {"kind": "KubeadmControlPlane", "path": "spec.version", "rule": "forbid", "reason": "frozen until January"}
    file.write_text(yaml.safe_dump({"apiVersion": "ws-deployment.dev/v1", "kind": "MutableFields", "fields": [entry]}))
    plan = ["upgrade", "plan", "alpha", "-n", space, "--to", "20.1.0", "--definition", file]
    frozen = run(*plan)
    assert frozen.code == 3
    assert "frozen until January" in frozen.out
    file.write_text("kind: MutableFields\n")
    faulty = run(*plan)
    assert (faulty.code, faulty.out) == (2, "")
    assert f"{file}:1:1: error: `apiVersion` is missing" in unwrapped(faulty.err)


def test_which_clusters_no_longer_fit(run: Run, management: Kube, space: str) -> None:
    check = ["release", "check", "alpha", "gamma", "-n", space, "--detailed-exitcode"]
    fit = run(*check)
    assert (fit.code, fit.out) == (0, f"✓ {space}/alpha fits 20.0.0\n✓ {space}/gamma fits 20.1.0\n")
    label = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster"}
    metadata = {"name": "alpha", "namespace": space, "labels": {marks.RELEASE: "20.1.0"}}
    management.apply_fields({**label, "metadata": metadata}, "somebody")
    unfit = run(*check)
    assert unfit.code == 2
    assert f"✗ {space}/alpha does not fit 20.1.0" in unfit.out
    assert "spec.version: v1.32.9 → v1.33.5" in unfit.out
    data = json.loads(run("release", "check", "--all", "--json").out)
    found = {one["cluster"]: one["fits"] for one in data if one["cluster"].startswith(f"{space}/")}
    assert found == {f"{space}/{name}": name not in UNFIT for name in ("alpha", "beta", "gamma", "delta", "epsilon")}


def test_releases_come_out_of_config_maps(run: Run, management: Kube, space: str) -> None:
    for version in ("20.0.0", "20.1.0"):
        data = {file.name: file.read_text() for file in (EXAMPLES / version).glob("*.yaml")}
        metadata = {"name": f"release-{version}", "namespace": space, "labels": {marks.RELEASE: version}}
        management.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    listed = run("release", "list", WS_DEPLOYMENT_RELEASES="")
    assert listed.code == 0, listed.err
    assert [line.split()[0] for line in listed.out.splitlines()] == ["VERSION", "20.0.0", "20.1.0"]
    plan = ["upgrade", "plan", "alpha", "-n", space, "--to", "20.1.0"]
    assert run(*plan, WS_DEPLOYMENT_RELEASES="").out == run(*plan).out
    for version in ("20.0.0", "20.1.0"):
        management.delete("v1", "ConfigMap", f"release-{version}", space)


def test_releases_are_shown_compared_and_validated(run: Run, tmp_path: Path) -> None:
    shown = run("release", "show", "21.0.0")
    assert "Kubernetes v1.34.1" in shown.out
    assert "ask KubeadmControlPlane spec.replicas" in shown.out
    assert json.loads(run("release", "show", "21.0.0", "--json").out)["kubernetes"] == "v1.34.1"
    assert "~ kubernetes: v1.33.5 → v1.34.1" in run("release", "diff", "20.1.0", "21.0.0").out
    assert json.loads(run("release", "diff", "20.1.0", "20.1.0", "--json").out) == []
    assert run("release", "validate", EXAMPLES).code == 0
    (tmp_path / "release.yaml").write_text("apiVersion: ws-deployment.dev/v1\nkind: Release\nversion: 1.2\n")
    faulty = run("release", "validate", tmp_path)
    assert faulty.code == 2
    assert "release.yaml:3:10" in faulty.out
    assert json.loads(run("release", "validate", tmp_path, "--json").out)["valid"] is False
    assert json.loads(run("release", "schema").out)["$defs"]["MutableFields"]


@pytest.mark.parametrize(
    "words",
    [
        ["upgrade", "plan"],
        ["upgrade", "plan", "alpha"],
        ["upgrade", "plan", "alpha", "--all", "--to", "20.1.0"],
        ["upgrade", "plan", "--all", "--from", "20.0.0"],
        ["upgrade", "plan", "alpha", "--to", "latest"],
        ["upgrade", "plan", "alpha", "--to", "20.1.0", "--answer", "spec.replicas"],
        ["upgrade", "plan", "alpha", "--to", "20.1.0", "--answer", "spec..replicas=keep"],
        ["upgrade", "apply", "nowhere"],
        ["release", "check"],
        ["release", "show", "1.0.0"],
        ["release", "validate", "nowhere"],
    ],
)
def test_what_is_at_fault_on_the_command_line_is_2(run: Run, words: list[str]) -> None:
    ended = run(*words)
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err


def test_upgrades_need_no_other_part_of_the_program() -> None:
    code = (
        "import sys, ws_deployment.releases.planning, ws_deployment.releases.applying, ws_deployment.releases.loader\n"
        "parts = {name.split('.')[1] for name in sys.modules if name.startswith('ws_deployment.')}\n"
        "print(*sorted(parts))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["clients", "config", "errors", "releases"]

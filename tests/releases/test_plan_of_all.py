"""`upgrade plan --all`: of several clusters some may go; the others are told, and not kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from harness.cluster_api import EXAMPLES, apply_as_user
from harness.in_process import called
from harness.program import Ended
from harness.upgrade_run import CLUSTER

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases import marks, plan_file
from ws_deployment.releases.plan import UpgradePlan

pytestmark = pytest.mark.real

Command = Callable[..., Ended]
ALL = ("alpha", "beta", "delta", "epsilon", "gamma")
#: As `release check` judges them; beta has a flag of the kubelet's own, which the definition overwrites.
FITS = {"alpha": True, "beta": False, "delta": True, "epsilon": True, "gamma": True, "unknown": None, "unmarked": None}


@pytest.fixture
def command(
    shared_cluster: LabCluster, management: Kube, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Calls the program, on a server without the clusters that former tests have left."""
    for one in management.list(*CLUSTER):
        management.delete(*CLUSTER, one["metadata"]["name"], one["metadata"]["namespace"])
    monkeypatch.setenv("KUBECONFIG", str(shared_cluster.kubeconfig))
    monkeypatch.setenv("WS_DEPLOYMENT_RELEASES", str(EXAMPLES))
    monkeypatch.setenv("COLUMNS", "1000")
    return lambda *words: called(monkeypatch, capsys, *words)


@pytest.fixture
def plan(command: Command) -> Command:
    return lambda *words, to="20.1.0": command("upgrade", "plan", "--all", *(["--to", to] if to else []), *words)


def make(kube: Kube, space: str, *names: str) -> None:
    for name in names:
        text = (EXAMPLES / "clusters" / f"{name}.yaml").read_text()
        apply_as_user(kube, text.replace("namespace: clusters", f"namespace: {space}"))


def mark(kube: Kube, space: str, name: str, version: str | None) -> None:
    """Have a new cluster bear the mark of a release, or of none."""
    labels = {marks.RELEASE: version} if version else {}
    document = {
        "apiVersion": CLUSTER[0],
        "kind": CLUSTER[1],
        "spec": {"clusterNetwork": {"serviceDomain": "cluster.local"}},
    }
    kube.create({**document, "metadata": {"name": name, "namespace": space, "labels": labels}})


def test_those_that_may_not_go_are_told_and_the_others_kept(
    plan: Command, command: Command, management: Kube, space: str, tmp_path: Path
) -> None:
    make(management, space, *ALL)
    mark(management, space, "unmarked", None)
    mark(management, space, "unknown", "19.0.0")
    out = tmp_path / "plans"
    ended = plan("--out", str(out), "--format", "json")
    assert ended.code == 3, ended.err
    data = {one["cluster"]: one for one in json.loads(ended.out)}
    assert set(data) == set(ALL)
    assert [one["why"] for one in data["epsilon"]["problems"]] == ["Cluster epsilon is paused (spec.paused)"]
    assert f"cluster {space}/unmarked: it has no label {marks.RELEASE}" in ended.err
    assert f"cluster {space}/unknown: 19.0.0: there is none of that version" in ended.err
    refused = ", ".join(f"{space}/{name}" for name in ("unknown", "unmarked", "epsilon"))
    assert f"Not kept, because it can't be carried out: {refused}." in ended.err
    assert f"3 kept in {out}" in ended.err
    kept = plan_file.read(out)
    assert [one.cluster for one in kept] == ["alpha", "beta", "delta"], "gamma has nothing to do"
    assert [one.as_json() for one in kept] == [data[one.cluster] for one in kept]
    assert plan("--detailed-exitcode").code == 1, "a fault is told before changes"
    checked = command("release", "check", "--all", "--json")
    assert checked.code == 1, "not all could be judged"
    judged = {one["cluster"]: one["fits"] for one in json.loads(checked.out)}
    assert judged == {f"{space}/{name}": fits for name, fits in FITS.items()}


def test_detailed_exit_codes_are_of_all_together(plan: Command, management: Kube, space: str, tmp_path: Path) -> None:
    none = plan("--detailed-exitcode")
    assert (none.code, none.out) == (0, "")
    assert "No cluster may go there." in none.err
    make(management, space, "gamma")
    out = tmp_path / "plans"
    nothing = plan("--detailed-exitcode", "--out", str(out))
    assert (nothing.code, out.exists()) == (0, False)
    make(management, space, "alpha")
    assert plan("--detailed-exitcode").code == 2
    assert plan().code == 0
    assert plan("--detailed-exitcode", to="").code == 0, "each fits its own release"
    assert plan("--detailed-exitcode", to="22.0.0").code == 1
    # 21.0.0 is no successor of alpha's release: that one is not among those that may go there.
    shown = plan("--format", "json", to="21.0.0")
    assert [one["cluster"] for one in json.loads(shown.out)] == ["gamma"]


def test_every_form_has_every_cluster(plan: Command, management: Kube, space: str) -> None:
    assert json.loads(plan("--format", "json").out) == []
    make(management, space, "alpha", "beta", "gamma")
    data = json.loads(plan("--format", "json").out)
    assert [one["cluster"] for one in data] == ["alpha", "beta", "gamma"]
    assert list(yaml.safe_load_all(plan("--format", "yaml").out)) == data
    markdown, text = plan("--format", "markdown").out.replace("\\", ""), plan("--full").out
    for name in ("alpha", "beta"):
        assert f"{space}/{name} 20.0.0 → 20.1.0" in markdown
        assert f"{space}/{name} 20.0.0 → 20.1.0: " in text
    assert f"{space}/gamma 20.1.0: nothing to do" in text


def test_what_was_kept_is_applied_one_after_the_other_until_one_is_refused(
    plan: Command, command: Command, management: Kube, space: str, tmp_path: Path
) -> None:
    make(management, space, "alpha", "beta", "delta", "gamma")
    out = tmp_path / "plans"
    assert plan("--out", str(out)).code == 0
    alpha, beta, delta = plan_file.read(out)
    list(plan_file.write(out, [alpha, delta, beta]))
    applied = command("upgrade", "apply", str(out), "--json")
    assert applied.code == 3, "delta is Flux's"
    assert [one["cluster"] for one in json.loads(applied.out)] == [f"{space}/alpha"]
    assert "Flux Kustomization flux-system/clusters" in applied.err
    assert f"Not begun: {space}/beta." in applied.err
    list(plan_file.write(out, [alpha, beta]))
    assert command("upgrade", "apply", str(out)).code == 0
    left = json.loads(plan("--format", "json").out)
    assert [one["cluster"] for one in left if not UpgradePlan.from_json(one).empty] == ["delta"]

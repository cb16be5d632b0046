"""The management cluster by another context, the release by another label: of plans, their applying, and checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness.cluster_api import EXAMPLES, apply_as_user
from harness.in_process import called
from harness.kubeconfigs import ELSEWHERE, HERE, with_contexts
from harness.program import Ended
from harness.upgrade_run import CLUSTER, make_clusters

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases import marks

pytestmark = pytest.mark.real

Command = Callable[..., Ended]
LABEL = "acme.example/release"


@pytest.fixture
def command(
    shared_cluster: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Calls the program with a kubeconfig whose own context is of a cluster that does not answer."""
    kubeconfig = with_contexts(shared_cluster.kubeconfig, tmp_path / "kubeconfig", current=ELSEWHERE)
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("WS_DEPLOYMENT_RELEASES", str(EXAMPLES))
    monkeypatch.delenv("WS_DEPLOYMENT_RELEASE_LABEL", raising=False)
    return lambda *words: called(monkeypatch, capsys, *map(str, words))


def labels(kube: Kube, space: str) -> dict[str, str]:
    found = kube.get(*CLUSTER, "alpha", space)
    assert found
    return dict(found["metadata"]["labels"])


def test_a_context_names_the_management_cluster(command: Command, management: Kube, space: str, tmp_path: Path) -> None:
    make_clusters(management, space, ("alpha",))
    out = tmp_path / "plan"
    plan = ["upgrade", "plan", f"{space}/alpha", "--to", "20.1.0", "--out", out]
    away = command(*plan)
    assert (away.code, away.out) == (1, "")
    assert "the API server is out of reach" in away.err
    planned = command(*plan, "--context", HERE)
    assert planned.code == 0, planned.err
    check = ["release", "check", f"{space}/alpha"]
    assert command(*check).code == 1
    assert command(*check, "--context", HERE).out == f"✓ {space}/alpha fits 20.0.0\n"
    apply = ["upgrade", "apply", out]
    assert "the API server is out of reach" in command(*apply).err
    assert labels(management, space)[marks.RELEASE] == "20.0.0"
    assert command(*apply, "--context", HERE).code == 0
    assert labels(management, space)[marks.RELEASE] == "20.1.0"


@pytest.mark.parametrize("words", [("release", "check", "a"), ("upgrade", "plan", "a", "--to", "20.1.0")])
def test_a_context_that_the_kubeconfig_has_not_is_told(command: Command, words: tuple[str, ...]) -> None:
    ended = command(*words, "--context", "nowhere")
    assert (ended.code, ended.out) == (1, "")
    assert "nowhere" in ended.err
    assert "kubectl config get-contexts" in ended.err


def test_another_label_bears_the_release(command: Command, management: Kube, space: str, tmp_path: Path) -> None:
    text = (EXAMPLES / "clusters" / "alpha.yaml").read_text().replace("namespace: clusters", f"namespace: {space}")
    apply_as_user(management, text.replace(f"{marks.RELEASE}:", f"{LABEL}:"))
    out = tmp_path / "plan"
    here = ["--context", HERE]
    plan = ["upgrade", "plan", f"{space}/alpha", "--to", "20.1.0", *here, "--out", out]
    without = command(*plan)
    assert (without.code, without.out) == (2, "")
    assert f"it has no label {marks.RELEASE}" in without.err

    by = ["--label", LABEL]
    planned = command(*plan, *by)
    assert planned.code == 0, planned.err
    assert f'~ metadata.labels."{LABEL}": 20.0.0 → 20.1.0' in planned.out
    assert marks.RELEASE not in planned.out
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WS_DEPLOYMENT_RELEASE_LABEL", LABEL)
        assert command(*plan).out == planned.out
    check = ["release", "check", f"{space}/alpha", *here, *by]
    assert command(*check).out == f"✓ {space}/alpha fits 20.0.0\n"
    applied = command("upgrade", "apply", out, *here, *by)
    assert applied.code == 0, applied.err
    assert command(*check).out == f"✓ {space}/alpha fits 20.1.0\n"
    assert labels(management, space)[LABEL] == "20.1.0"
    assert marks.RELEASE not in labels(management, space)


def test_a_plan_that_was_made_by_another_label_sees_it_move(
    command: Command, management: Kube, space: str, tmp_path: Path
) -> None:
    text = (EXAMPLES / "clusters" / "alpha.yaml").read_text().replace("namespace: clusters", f"namespace: {space}")
    apply_as_user(management, text.replace(f"{marks.RELEASE}:", f"{LABEL}:"))
    out, by = tmp_path / "plan", ["--context", HERE, "--label", LABEL]
    assert command("upgrade", "plan", f"{space}/alpha", "--to", "20.1.0", *by, "--out", out).code == 0
    metadata = {"name": "alpha", "namespace": space, "labels": {LABEL: "21.0.0"}}
    management.apply_fields({"apiVersion": CLUSTER[0], "kind": CLUSTER[1], "metadata": metadata}, "somebody")
    moved = command("upgrade", "apply", out, *by)
    assert moved.code == 4
    assert "the cluster was of 20.0.0, is of 21.0.0" in moved.err

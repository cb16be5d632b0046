"""`upgrade` and `release check` with names of nothing, and management clusters that do not answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.cluster_api import EXAMPLES
from harness.in_process import called
from harness.kubeconfigs import ELSEWHERE, with_contexts
from harness.program import Ended
from harness.upgrade_run import make_clusters

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real

Command = Callable[..., Ended]


@pytest.fixture
def command(shared_cluster: LabCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("KUBECONFIG", str(shared_cluster.kubeconfig))
    monkeypatch.setenv("WS_DEPLOYMENT_RELEASES", str(EXAMPLES))
    return lambda *words: called(monkeypatch, capsys, *map(str, words))


@pytest.fixture
def alpha(management: Kube, space: str) -> str:
    make_clusters(management, space, ("alpha",))
    return f"{space}/alpha"


def test_a_cluster_that_there_is_not_is_told_after_those_that_there_are(
    command: Command, alpha: str, space: str, tmp_path: Path
) -> None:
    out = tmp_path / "plan"
    plan = ["upgrade", "plan", alpha, f"{space}/nobody", "--to", "20.1.0", "--out", out]
    ended = command(*plan, "--format", "json")
    assert ended.code == 2
    assert f"looking for cluster {space}/nobody: the management cluster has none of that name" in ended.err
    assert "kubectl get clusters.cluster.x-k8s.io -A" in ended.err
    assert [one["cluster"] for one in json.loads(ended.out)] == ["alpha"], "what was printed is JSON all the same"
    assert list(tmp_path.iterdir()) == [], "of what was asked for, a part is not kept"
    assert command(*plan, "--detailed-exitcode").code == 1
    assert command("release", "check", f"{space}/nobody").code == 2
    assert command("upgrade", "plan", f"no-such-space{space}/alpha", "--to", "20.1.0").code == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--to", "22.0.0"), "looking for release 22.0.0: there is none of that version"),
        (("--to", "20"), "looking for release 20"),
        (("--to", "20.1.0", "--from", "1.0.0"), "/alpha: 1.0.0: there is none of that version"),
    ],
)
def test_a_version_that_there_is_not_is_told_with_those_that_there_are(
    command: Command, alpha: str, words: tuple[str, ...], why: str
) -> None:
    ended = command("upgrade", "plan", alpha, *words)
    assert (ended.code, ended.out) == (2, "")
    assert why in ended.err


@pytest.mark.parametrize("releases", ["no-such-folder", "empty", "a-file", "faulty"])
def test_a_folder_without_releases_is_told(command: Command, alpha: str, tmp_path: Path, releases: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-file").write_text("20.1.0")
    (tmp_path / "faulty" / "20.1.0").mkdir(parents=True)
    (tmp_path / "faulty" / "20.1.0" / "release.yaml").write_text("kind: Release\n")
    folder = tmp_path / releases
    for words in (("upgrade", "plan", alpha, "--to", "20.1.0"), ("release", "check", alpha)):
        ended = command(*words, "--releases", folder)
        assert (ended.code, ended.out) == (2, ""), words
        assert str(folder) in ended.err


@pytest.mark.parametrize("what", ["does not answer", "no file", "a folder", "empty", "no kubeconfig"])
def test_a_management_cluster_that_is_not_reached_is_told_by_every_command(
    command: Command, alpha: str, shared_cluster: LabCluster, tmp_path: Path, what: str
) -> None:
    out, file = tmp_path / "plan", tmp_path / "kubeconfig"
    assert command("upgrade", "plan", alpha, "--to", "20.1.0", "--out", out).code == 0
    why = "reading the kubeconfig"
    if what == "does not answer":
        with_contexts(shared_cluster.kubeconfig, file, current=ELSEWHERE)
        why = "the API server is out of reach"
    elif what == "a folder":
        file.mkdir()
    elif what != "no file":
        file.write_text("" if what == "empty" else "clusters: my cluster\n")
    plan, check = ("upgrade", "plan", alpha, "--to", "20.1.0"), ("release", "check", alpha)
    for words in (plan, check, ("upgrade", "plan", "--all"), ("upgrade", "apply", out)):
        ended = command(*words, "--kubeconfig", file)
        assert (ended.code, ended.out) == (1, ""), words
        assert why in ended.err, words
    assert command(*plan, "--detailed-exitcode", "--kubeconfig", file).code == 1

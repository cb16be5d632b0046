"""Where a release's label changes alone: what is said of it, and that what it advises leads to the release."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from harness.cluster_api import EXAMPLES
from harness.in_process import called
from harness.program import Ended
from harness.upgrade_run import CLUSTER, KCP, everything, make_clusters
from harness.widget_releases import make_cluster, widget_of, write_release

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases import marks

pytestmark = pytest.mark.real

Command = Callable[..., Ended]


@pytest.fixture
def command(shared_cluster: LabCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("KUBECONFIG", str(shared_cluster.kubeconfig))
    monkeypatch.setenv("WS_DEPLOYMENT_RELEASES", str(EXAMPLES))
    monkeypatch.setenv("COLUMNS", "1000")
    return lambda *words: called(monkeypatch, capsys, *map(str, words))


def unwrapped(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def marked(management: Kube, space: str) -> str:
    """The cluster alpha of 20.0.0, whose label alone somebody has set to the next release."""
    make_clusters(management, space, ("alpha",))
    metadata = {"name": "alpha", "namespace": space, "labels": {marks.RELEASE: "20.1.0"}}
    management.apply_fields({"apiVersion": CLUSTER[0], "kind": CLUSTER[1], "metadata": metadata}, "somebody")
    return f"{space}/alpha"


def test_a_label_that_was_changed_alone_is_found_and_its_advice_leads_to_the_release(
    command: Command, management: Kube, space: str, marked: str, tmp_path: Path
) -> None:
    found = command("release", "check", marked, "--detailed-exitcode")
    assert found.code == 2
    assert f"{marked} does not fit 20.1.0" in found.out
    assert "a changed mark alone triggers nothing" in unwrapped(found.out)
    advice = f"upgrade plan {marked} --to 20.1.0"
    assert advice in unwrapped(found.out), "what to do is said"

    out = tmp_path / "plan"
    planned = command(*advice.split(), "--out", out)
    assert planned.code == 0, planned.err
    assert f"{marked} 20.1.0: " in planned.out
    assert "a changed mark alone triggers nothing" in unwrapped(planned.out)
    assert "~ spec.version: v1.32.9 → v1.33.5" in planned.out
    assert marks.RELEASE not in planned.out, "the label is as it shall be"
    assert command("upgrade", "apply", out).code == 0
    fit = command("release", "check", marked, "--detailed-exitcode")
    assert (fit.code, fit.out) == (0, f"✓ {marked} fits 20.1.0\n")
    control_plane = management.get(*KCP, "alpha-control-plane", space)
    assert control_plane
    assert control_plane["spec"]["version"] == "v1.33.5"


def test_with_the_former_release_named_it_becomes_what_an_upgrade_makes_of_it(
    command: Command, management: Kube, space: str, marked: str, tmp_path: Path
) -> None:
    make_clusters(management, space, ("bravo",))
    out = tmp_path / "plan"
    assert command("upgrade", "plan", marked, "--to", "20.1.0", "--from", "20.0.0", "--out", out).code == 0
    assert command("upgrade", "apply", out).code == 0
    assert command("upgrade", "plan", f"{space}/bravo", "--to", "20.1.0", "--out", out).code == 0
    assert command("upgrade", "apply", out).code == 0
    alpha, bravo = (json.dumps(everything(management, space, name)) for name in ("alpha", "bravo"))
    assert json.loads(alpha) == json.loads(bravo.replace("bravo", "alpha"))
    assert command("release", "check", marked, "--detailed-exitcode").code == 0


def test_an_upgrade_that_would_change_the_label_alone_says_so_and_its_advice_brings_the_field(
    command: Command, management: Kube, space: str, tmp_path: Path
) -> None:
    """The next release has another default, and its author forgot to say that it may be written."""
    releases = tmp_path / "releases"
    for version, size in (("1.0.0", 3), ("2.0.0", 5)):
        write_release(releases, version, {"text": "a", "size": size})
    make_cluster(management, space)
    plan = ["upgrade", "plan", f"{space}/c", "--to", "2.0.0", "--releases", releases, "--out", tmp_path / "plan"]
    alone = command(*plan)
    assert alone.code == 0, alone.err
    assert f'~ metadata.labels."{marks.RELEASE}": 1.0.0 → 2.0.0' in alone.out
    assert "= spec.size: 3 (the release: 5)" in alone.out
    told = unwrapped(alone.out)
    assert "Only the release's mark changes. That alone triggers nothing" in told
    assert "give it an `overwrite` entry in the mutable-fields definition, then plan again" in told

    entry = {"kind": "Widget", "path": "spec.size", "rule": "overwrite", "reason": "it belongs to the release"}
    definition = tmp_path / "mine.yaml"
    definition.write_text(
        yaml.safe_dump({"apiVersion": "ws-deployment.dev/v1", "kind": "MutableFields", "fields": [entry]})
    )
    again = command(*plan, "--definition", definition)
    assert "~ spec.size: 3 → 5" in again.out
    assert "triggers nothing" not in again.out
    assert command("upgrade", "apply", tmp_path / "plan", "--releases", releases).code == 0
    assert (widget_of(management, space) or {})["spec"]["size"] == 5

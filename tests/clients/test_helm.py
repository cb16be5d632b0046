"""Real Helm, real charts, a real API server."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ws_deployment.clients.helm import Chart, Helm, Revision
from ws_deployment.clients.helm_command import (
    ChartNotFoundError,
    HelmError,
    ReleaseNotReadyError,
    ReleasePendingError,
    TransientHelmError,
)
from ws_deployment.clients.helm_diff import compare
from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_ready import namespace_lacks, release_lacks
from ws_deployment.errors import CancelledError
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.bundled import bundled
from ws_deployment.tools.find import Found

pytestmark = pytest.mark.real

UNSCHEDULABLE = {"wsManager": {"nodeSelector": {"no": "where"}}}
SECRET = "hunter2-helm"


@pytest.fixture
def helm(tools: dict[str, Found], shared_cluster: LabCluster, tmp_path: Path) -> Helm:
    return Helm(tools["helm"].path, shared_cluster.kubeconfig, log=tmp_path / "helm.log")


@pytest.fixture
def kube(shared_cluster: LabCluster) -> Kube:
    return Kube(shared_cluster.kubeconfig)


@pytest.fixture
def gitpod(helm: Helm) -> Chart:
    return helm.chart(bundled("charts/gitpod"))


def chart_of(folder: Path, **templates: str) -> Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
    for name, text in templates.items():
        (folder / "templates" / f"{name}.yaml").write_text(text)
    return folder


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["gitpod", "jaeger", "monitoring"])
def test_the_bundled_charts_install_and_become_ready(helm: Helm, kube: Kube, name: str) -> None:
    chart = helm.chart(bundled(f"charts/{name}"))
    namespace = f"charts-{name}"
    revision = helm.install_or_upgrade(
        name, chart, {"labels": {"run": "r1"}}, namespace=namespace, timeout=60, labels={"ws-deployment.dev/run": "r1"}
    )
    assert revision == Revision(
        name, namespace, 1, "deployed", f"{name}-{chart.version}", "Install complete", {"ws-deployment.dev/run": "r1"}
    )
    current = helm.current(name, namespace=namespace)
    assert current is not None
    assert current.labels == {"ws-deployment.dev/run": "r1"}
    manifest = helm.manifest(name, namespace=namespace)
    assert release_lacks(kube, manifest, namespace) == ""
    assert namespace_lacks(kube, namespace) == ""
    # The token that the chart makes at random is kept: the next dry run differs in nothing.
    again = helm.dry_run_server(name, chart, {"labels": {"run": "r1"}}, namespace=namespace)
    assert compare(manifest, again).empty
    helm.uninstall(name, namespace=namespace, timeout=60)
    helm.uninstall(name, namespace=namespace, timeout=60)
    assert helm.current(name, namespace=namespace) is None


def test_an_upgrade_takes_exactly_the_values_given(helm: Helm, gitpod: Chart) -> None:
    helm.install_or_upgrade("g", gitpod, {"wsProxy": {"replicas": 2}}, namespace="values", timeout=60)
    manifest = helm.manifest("g", namespace="values")
    diff = compare(manifest, helm.dry_run_server("g", gitpod, {}, namespace="values"))
    assert [str(change.object) for change in diff.changed] == ["Deployment/g-ws-proxy"]
    assert "-  replicas: 2\n+  replicas: 1" in diff.changed[0].diff
    assert helm.install_or_upgrade("g", gitpod, {}, namespace="values", timeout=60).number == 2
    assert helm.values("g", namespace="values") == {}


def test_a_failed_upgrade_goes_back_and_a_failed_install_leaves_nothing(helm: Helm, gitpod: Chart) -> None:
    with pytest.raises(ReleaseNotReadyError, match="ws-manager not ready"):
        helm.install_or_upgrade("g", gitpod, UNSCHEDULABLE, namespace="back", timeout=2)
    assert helm.current("g", namespace="back") is None
    helm.install_or_upgrade("g", gitpod, {}, namespace="back", timeout=60)
    with pytest.raises(ReleaseNotReadyError):
        helm.install_or_upgrade("g", gitpod, UNSCHEDULABLE, namespace="back", timeout=2)
    assert [one.status for one in helm.history("g", namespace="back")] == ["superseded", "failed", "deployed"]
    assert helm.values("g", namespace="back") == {}


def killed_upgrade(helm: Helm, chart: Chart, namespace: str) -> None:
    """Begin an upgrade that can't end, and kill Helm when its record says pending."""
    argv = [str(helm.program), "upgrade", "--install", "g", chart.ref, "-n", namespace, "--create-namespace", "--wait"]
    child = subprocess.Popen(
        [*argv, "--kubeconfig", str(helm.kubeconfig), "--values", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin
    child.stdin.write(json.dumps(UNSCHEDULABLE))
    child.stdin.close()
    wait_for(lambda: (current := helm.current("g", namespace=namespace)) and current.pending)
    child.kill()
    child.wait()


def test_what_a_killed_helm_left_is_mended(helm: Helm, gitpod: Chart) -> None:
    killed_upgrade(helm, gitpod, "killed")
    assert "left pending-install; removed it" in helm.recover_pending("g", namespace="killed", timeout=60)
    helm.install_or_upgrade("g", gitpod, {}, namespace="killed", timeout=60)
    killed_upgrade(helm, gitpod, "killed")
    with pytest.raises(ReleasePendingError):
        helm.install_or_upgrade("g", gitpod, {}, namespace="killed", timeout=60)
    assert "went back to revision 1" in helm.recover_pending("g", namespace="killed", timeout=60)
    assert helm.recover_pending("g", namespace="killed", timeout=60) == ""
    assert helm.install_or_upgrade("g", gitpod, {}, namespace="killed", timeout=60).status == "deployed"


def test_cancelling_stops_helm(helm: Helm, gitpod: Chart) -> None:
    cancelled = threading.Event()
    stoppable = Helm(helm.program, helm.kubeconfig, cancelled=cancelled)

    def stop_when_pending() -> None:
        wait_for(lambda: helm.current("g", namespace="cancel"))
        cancelled.set()

    watcher = threading.Thread(target=stop_when_pending)
    watcher.start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        stoppable.install_or_upgrade("g", gitpod, UNSCHEDULABLE, namespace="cancel", timeout=120)
    watcher.join()
    assert time.monotonic() - began < 40
    assert not [child for child in psutil.Process().children(recursive=True) if "helm" in child.name()]
    helm.recover_pending("g", namespace="cancel", timeout=60)
    assert helm.install_or_upgrade("g", gitpod, {}, namespace="cancel", timeout=60).status == "deployed"


def test_no_secret_reaches_argv_log_or_error(helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    real = subprocess.Popen

    def spy(argv: list[str], **options: object) -> subprocess.Popen[str]:
        seen.append(argv)
        return real(argv, **options)  # type: ignore[call-overload, no-any-return]  # a test reads loosely

    monkeypatch.setattr("ws_deployment.tools.process.subprocess.Popen", spy)
    chart = helm.chart(bundled("charts/monitoring"))
    values = {"remoteWrite": {"url": "http://x", "password": SECRET}}
    helm.install_or_upgrade("m", chart, values, namespace="secrets", timeout=60)
    helm.dry_run_server("m", chart, values, namespace="secrets")
    with_token = Helm(helm.program, helm.kubeconfig, token=SECRET, log=helm.log)
    with_token.current("m", namespace="secrets")
    assert seen
    assert SECRET not in str(seen)
    assert SECRET not in repr(with_token)
    assert SECRET not in (tmp_path / "helm.log").read_text()


def test_values_made_at_random_are_recognised(helm: Helm, tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: {{ randAlphaNum 20 }}, user: me}\n"
    chart = helm.chart(chart_of(tmp_path / "random", secret=text))
    one, other = (helm.template("r", chart, {}, namespace="x") for _ in range(2))
    assert compare("", one, other).random == ("Secret/s: stringData.token",)


@pytest.mark.parametrize(
    ("template", "kind", "text"),
    [
        ('{{ fail "set a hostname" }}', HelmError, "set a hostname"),
        ("apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: x}\n", HelmError, "no matches for kind"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-root-ca.crt}\n",
            HelmError,
            "belongs to somebody else",
        ),
    ],
)
def test_faults_are_helms_words_with_a_remedy(
    helm: Helm, tmp_path: Path, template: str, kind: type[Exception], text: str
) -> None:
    chart = helm.chart(chart_of(tmp_path / "faulty", template=template))
    with pytest.raises(kind, match=text):
        helm.install_or_upgrade("f", chart, {}, namespace="default", timeout=5)
    assert helm.current("f", namespace="default") is None


def test_charts_and_clusters_that_are_not_there(helm: Helm, tmp_path: Path) -> None:
    with pytest.raises(ChartNotFoundError):
        helm.chart(tmp_path / "nowhere")
    with pytest.raises(TransientHelmError):
        helm.chart("nginx", repo="http://127.0.0.1:1/")
    with pytest.raises(HelmError, match="Check kubeconfig and context"):
        Helm(helm.program, tmp_path / "nowhere").current("x", namespace="x")

"""What the documented rights suffice for, and what is told where they are missing: by real accounts and RBAC."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.cluster_api import EXAMPLES
from harness.in_process import called
from harness.kubeconfigs import service_account, with_contexts
from harness.program import Ended
from harness.upgrade_run import everything, make_clusters

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real

Account = Callable[..., Callable[..., Ended]]
GROUPS = ["", "bootstrap", "controlplane"]


@pytest.fixture
def account(
    shared_cluster: LabCluster,
    space: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Account:
    """Makes an account with some rights on the kinds of the releases, and calls the program as that one."""
    kube = Kube(shared_cluster.kubeconfig)
    make_clusters(kube, space, ("alpha",))
    monkeypatch.setenv("WS_DEPLOYMENT_RELEASES", str(EXAMPLES))
    groups = [f"{name}.cluster.x-k8s.io".removeprefix(".") for name in GROUPS]

    def made(*verbs: str) -> Callable[..., Ended]:
        rules: list[dict[str, Any]] = [{"apiGroups": groups, "resources": ["*"], "verbs": list(verbs)}] if verbs else []
        token = {"account": service_account(kube, space, rules)}
        path = tmp_path / f"kubeconfig-{len(list(tmp_path.iterdir()))}"
        file = with_contexts(shared_cluster.kubeconfig, path, current="account", tokens=token)
        return lambda *words: called(monkeypatch, capsys, *map(str, words), "--kubeconfig", str(file))

    return made


def test_without_rights_every_command_says_which_is_missing(account: Account, space: str) -> None:
    nobody = account()
    for words in (
        ("upgrade", "plan", f"{space}/alpha", "--to", "20.1.0"),
        ("upgrade", "plan", "--all", "--to", "20.1.0"),
        ("release", "check", f"{space}/alpha"),
    ):
        ended = nobody(*words)
        assert (ended.code, ended.out) == (1, ""), words
        assert "403" in ended.err
        assert f'User "system:serviceaccount:{space}:account-' in ended.err
        assert "cannot get resource" in ended.err or "cannot list resource" in ended.err
        assert "Traceback" not in ended.err


def test_who_may_only_read_is_told_what_planning_needs_and_applies_nothing(
    account: Account, management: Kube, space: str, tmp_path: Path
) -> None:
    before = everything(management, space, "alpha")
    out = tmp_path / "plan"
    words = ["upgrade", "plan", f"{space}/alpha", "--to", "20.1.0", "--out", out]
    reader = account("get", "list")
    refused = reader(*words)
    assert (refused.code, out.exists()) == (3, False)
    told = " ".join(refused.out.split())
    assert "cannot create resource" in told
    assert "Dry runs need the rights to create and patch" in told
    assert "Mend the release" not in told, "it is not at fault"
    assert "Live objects can't be changed so" not in told
    check = reader("release", "check", f"{space}/alpha")
    assert (check.code, check.out) == (0, f"✓ {space}/alpha fits 20.0.0\n")

    assert account("get", "list", "create", "patch")(*words).code == 0
    applied = reader("upgrade", "apply", out)
    assert (applied.code, applied.out) == (1, "")
    assert "cannot create resource" in applied.err
    assert "Traceback" not in applied.err
    assert everything(management, space, "alpha") == before


def test_the_documented_rights_suffice(account: Account, space: str, tmp_path: Path) -> None:
    user, out = account("get", "list", "create", "patch"), tmp_path / "plan"
    assert user("upgrade", "plan", f"{space}/alpha", "--to", "20.1.0", "--out", out).code == 0
    applied = user("upgrade", "apply", out)
    assert applied.code == 0, applied.err
    assert user("release", "check", f"{space}/alpha").out == f"✓ {space}/alpha fits 20.1.0\n"

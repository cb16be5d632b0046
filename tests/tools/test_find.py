"""Finding programs: real executables in real folders that print versions of all ages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ws_deployment.errors import MissingToolError
from ws_deployment.tools import find as finding
from ws_deployment.tools.catalogue import CONTROL_PLANE, TOOLS
from ws_deployment.tools.find import find, fits
from ws_deployment.tools.provide import find_all
from ws_deployment.tools.recipes import RECIPES
from ws_deployment.tools.version import version_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only entry of PATH; the cache is empty."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return path


def program(folder: Path, name: str, says: str, code: int = 0) -> Path:
    """A program that prints its version, and counts how often it was asked."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho x >> {path}.asked\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("name", "says", "version"),
    [
        ("etcd", "etcd Version: 3.7.3\nGit SHA: Not provided\nGo Version: go1.26.8", "3.7.3"),
        ("kube-apiserver", "Kubernetes v1.36.3", "1.36.3"),
        ("kubectl", "Client Version: v1.36.3\nKustomize Version: v5.8.1", "1.36.3"),
        ("kwok", "kwok version v0.8.0 go1.26.8 (linux/amd64)", "0.8.0"),
        ("helm", "v4.3.1+gabcdef0", "4.3.1+gabcdef0"),
        ("terraform", "Terraform v1.11.4\non linux_amd64", "1.11.4"),
        ("prometheus", "prometheus, version 3.15.0 (branch: , revision: unknown)\n  go version: go1.26.8", "3.15.0"),
    ],
)
def test_knows_how_each_program_tells_its_version(folder: Path, name: str, says: str, version: str) -> None:
    path = program(folder, name, says)
    assert find(name) == finding.Found(name, path, version, "PATH")


def test_tofu_does_for_terraform_but_comes_second(folder: Path) -> None:
    tofu = program(folder, "tofu", "OpenTofu v1.12.6\non linux_amd64")
    assert (found := find("terraform")) is not None
    assert found.path == tofu
    terraform = program(folder, "terraform", "Terraform v1.6.0")
    assert (found := find("terraform")) is not None
    assert found.path == terraform


@pytest.mark.parametrize(
    ("name", "version", "good"),
    [
        ("helm", "3.19.0", False),
        ("helm", "4.0.0", True),
        ("helm", "5.0.0", False),
        ("terraform", "1.5.7", False),
        ("terraform", "1.6.0", True),
        ("etcd", "3.4.36", False),
        ("etcd", "3.5.0", True),
        ("kube-apiserver", "1.32.9", False),
        ("kube-apiserver", "1.33", True),
        ("kubectl", "", False),
        ("prometheus", "2.42.0", False),
        ("prometheus", "2.53.1", True),
    ],
)
def test_judges_versions(name: str, version: str, good: bool) -> None:
    assert fits(TOOLS[name], version) is good


def test_passes_over_what_is_too_old_broken_or_no_program(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(folder, "kubectl", "Client Version: v1.20.4")
    broken = program(tmp_path / "broken", "kubectl", "Client Version: v1.36.3", code=1).parent
    (tmp_path / "dir" / "kubectl").mkdir(parents=True)
    good = program(tmp_path / "assets", "kubectl", "Client Version: v1.34.0")
    monkeypatch.setenv("PATH", f"{folder}:{broken}:{tmp_path / 'dir'}")
    assert find("kubectl") is None
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(good.parent))
    assert (found := find("kubectl")) is not None
    assert (found.path, found.source) == (good, "KUBEBUILDER_ASSETS")


def test_the_variable_goes_before_all_and_must_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(folder, "kube-apiserver", "Kubernetes v1.36.3")
    own = program(folder / "own", "my-server", "Kubernetes v1.35.0")
    monkeypatch.setenv("WS_DEPLOYMENT_KUBE_APISERVER", str(own))
    assert (found := find("kube-apiserver")) is not None
    assert (found.path, found.source) == (own, "environment")
    program(folder / "own", "my-server", "Kubernetes v1.20.0")
    with pytest.raises(MissingToolError, match=r"1\.20\.0 is not 1\.33 or newer"):
        find("kube-apiserver")
    own.unlink()
    with pytest.raises(MissingToolError, match="it is no program"):
        find("kube-apiserver")


def test_asks_a_program_once_until_it_changes(folder: Path) -> None:
    path = program(folder, "helm", "v4.3.1")
    for _ in range(3):
        assert find("helm")
    asked = Path(f"{path}.asked")
    assert asked.read_text() == "x\n"
    program(folder, "helm", "v3.9.99")
    assert find("helm") is None
    assert asked.read_text() == "x\nx\n"


def test_a_program_that_is_gone_is_forgotten(folder: Path, tmp_path: Path) -> None:
    gone, here = program(tmp_path / "other", "kwok", "kwok version v0.8.0"), program(folder, "kwok", "kwok v0.8.1")
    memory = tmp_path / "cache" / "ws-deployment" / "tools" / "versions.json"
    assert version_of(gone, ("--version",)) == "0.8.0"
    assert list(json.loads(memory.read_text())) == [str(gone)]
    gone.unlink()
    assert version_of(here, ("--version",)) == "0.8.1"
    assert list(json.loads(memory.read_text())) == [str(here)]


def test_a_mixed_control_plane_is_taken_from_the_build(folder: Path) -> None:
    program(folder, "kube-apiserver", "Kubernetes v1.34.0")
    built = RECIPES["kubernetes"].folder()
    for name in CONTROL_PLANE:
        version = {"etcd": "etcd Version: 3.7.3", "kwok": "kwok version v0.8.0"}.get(name, "Kubernetes v1.36.3")
        program(built, name, version)
    found, missing = find_all(*CONTROL_PLANE)
    assert not missing
    assert {tool.source for tool in found.values()} == {"cache"}
    for name in ("kube-controller-manager", "kube-scheduler"):
        program(folder, name, "Kubernetes v1.34.0")
    found, missing = find_all(*CONTROL_PLANE)
    assert {name for name, tool in found.items() if tool.source == "PATH"} == {
        "kube-apiserver", "kube-controller-manager", "kube-scheduler",
    }  # fmt: skip
    for name in CONTROL_PLANE:
        (built / name).unlink()
    assert find_all(*CONTROL_PLANE)[1] == {"etcd", "kwok"}

"""Texts are those that Helm 4.3 really wrote."""

from __future__ import annotations

import pytest

from ws_deployment.clients.helm_command import (
    ChartNotFoundError,
    HelmError,
    ReleaseNotFoundError,
    ReleaseNotReadyError,
    ReleasePendingError,
    TransientHelmError,
    failed,
)

TEXTS = [
    ("Error: release: not found", ReleaseNotFoundError),
    ("Error: uninstall: Release not loaded: gp2: release: not found", ReleaseNotFoundError),
    (
        "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
        ReleasePendingError,
    ),
    (
        'Error: kubernetes cluster unreachable: Get "https://127.0.0.1:1/version": connection refused',
        TransientHelmError,
    ),
    ("Error: kubernetes cluster unreachable: stat /tmp/nope: no such file or directory", HelmError),
    ("Error: etcdserver: request timed out", TransientHelmError),
    (
        'Error: looks like "http://127.0.0.1:1/" is not a valid chart repository: Get "…": connect: connection refused',
        TransientHelmError,
    ),
    ("Error: repo charts not found", ChartNotFoundError),
    ('Error: path "./nowhere" not found', ChartNotFoundError),
    ('Error: chart "nginx" version "9.9.9" not found in https://charts.example.com repository', ChartNotFoundError),
    ("Error: UPGRADE FAILED: context deadline exceeded", ReleaseNotReadyError),
    ('Error: no matches for kind "Certificate" in version "cert-manager.io/v1"', HelmError),
    ("Error: INSTALLATION FAILED: Secret exists and cannot be imported into the current release", HelmError),
]


@pytest.mark.parametrize(("text", "kind"), TEXTS)
def test_errors_are_told_apart_by_their_text(text: str, kind: type[Exception]) -> None:
    error = failed(["upgrade", "gitpod", "charts/gitpod"], text)
    assert type(error) is kind
    assert error.on == "gitpod"
    assert error.attempted == "helm upgrade"

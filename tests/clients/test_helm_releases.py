from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from ws_deployment.clients.helm_releases import Release, deployed
from ws_deployment.clients.kube import Kube


class Records(Kube):
    """An API server that has these Secrets."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = records

    def list(self, *_arguments: Any, **_options: Any) -> list[dict[str, Any]]:
        return list(self.records)


def record(name: str, release: str | None, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": f"sh.helm.release.v1.{name}.v1", "namespace": "ns", "labels": {"name": name, **labels}},
        "data": {} if release is None else {"release": release},
    }


def packed(value: object) -> str:
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(value).encode(), mtime=0))).decode()


def test_chart_and_versions_are_told() -> None:
    chart = {"chart": {"metadata": {"name": "gitpod", "version": "0.10.0", "appVersion": "2021.11"}}}
    labels = {"status": "deployed", "modifiedAt": "1763716533", "ws-deployment.dev/run": "r1"}
    assert deployed(Records(record("b", packed(chart), **labels), record("a", packed(chart)))) == (
        Release("a", "ns", "gitpod", "0.10.0", "2021.11", 0.0, {}),
        Release("b", "ns", "gitpod", "0.10.0", "2021.11", 1763716533.0, {"ws-deployment.dev/run": "r1"}),
    )


@pytest.mark.parametrize("release", [None, "", "%%", "aGVsbG8=", packed([]), packed({"chart": {"metadata": 7}})])
def test_a_record_that_nobody_can_read_is_a_release_all_the_same(release: str | None) -> None:
    assert deployed(Records(record("a", release))) == (Release("a", "ns", "", "", "", 0.0, {}),)

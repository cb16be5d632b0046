from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from doubles.prometheus import prometheus, vector
from harness.certificates import Authority, write_pair
from harness.meta_context import MetaContext

from ws_deployment.config.prometheus import Prometheus
from ws_deployment.interfaces.prometheus_access import prometheus_client

BASIC = base64.b64encode(b"ops:hunter2hunter2").decode()


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"authorization": None}),
        ({"bearerToken": {"variable": "TOKEN"}}, {"authorization": "Bearer hunter2hunter2"}),
        (
            {"basicAuth": {"username": "ops", "password": {"variable": "TOKEN"}}},
            {"authorization": f"Basic {BASIC}"},
        ),
        (
            {"headers": {"X-Scope-OrgID": "platform", "X-Key": {"variable": "TOKEN"}}},
            {"x-scope-orgid": "platform", "x-key": "hunter2hunter2"},
        ),
    ],
)
def test_what_the_config_says_is_sent(given: dict[str, Any], sent: dict[str, str | None], tmp_path: Path) -> None:
    context = MetaContext(tmp_path, None, {"TOKEN": "hunter2hunter2"})
    with prometheus(lambda _: vector(({}, 1))) as server:
        told = Prometheus.model_validate({"url": server.url, "timeout": "3s", **given})
        with prometheus_client(context, told) as client:
            client.query("up")
            assert client.timeout == 3
    assert {name: server.asked[0].headers.get(name) for name in sent} == sent


def test_a_secret_that_is_renewed_is_read_again(tmp_path: Path) -> None:
    secrets = {"TOKEN": "one"}
    context = MetaContext(tmp_path, None, secrets)
    with prometheus(lambda _: vector()) as server:
        told = Prometheus.model_validate({"url": server.url, "bearerToken": {"variable": "TOKEN"}})
        with prometheus_client(context, told) as client:
            client.query("up")
            secrets["TOKEN"] = "two"
            client.query("up")
    assert [one.headers["authorization"] for one in server.asked] == ["Bearer one", "Bearer two"]


def test_certificates_are_relative_to_the_config(tmp_path: Path) -> None:
    authority = Authority()
    write_pair(tmp_path / "server", authority.pair("prometheus"))
    write_pair(tmp_path / "client", authority.pair("client"))
    context = MetaContext(tmp_path, None)
    ca = tmp_path / "client" / "ca.crt"
    with prometheus(lambda _: vector(({}, 1)), certificate=tmp_path / "server", clients=ca) as server:
        tls = {"ca": "client/ca.crt", "crt": "client/tls.crt", "key": "client/tls.key"}
        with prometheus_client(context, Prometheus.model_validate({"url": server.url, "tls": tls})) as client:
            assert client.query("up")[0].value == 1

"""What is sent to Prometheus, and what is made of its answers; test_prometheus_real.py asks a real one."""

from __future__ import annotations

import math
import socket
import time
from pathlib import Path

import pytest
from doubles.prometheus import error, prometheus, vector
from harness.certificates import Authority, write_pair

from ws_deployment import redaction
from ws_deployment.clients.probe import ClientTls
from ws_deployment.clients.prometheus import (
    PrometheusClient,
    PrometheusError,
    PrometheusUnavailableError,
    QueryError,
    Sample,
)
from ws_deployment.errors import WsDeploymentError

TOKEN = "hunter2hunter2"


def test_a_query_is_sent_as_a_form_with_the_headers_of_the_day() -> None:
    tokens = iter(["one", "two"])

    def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {next(tokens)}", "X-Scope-OrgID": "platform"}

    with (
        prometheus(lambda _: vector(({"__name__": "up", "a": "b"}, 1))) as server,
        PrometheusClient(f"{server.url}/prefix/", headers=headers, timeout=2.5) as client,
    ):
        assert client.query('up{a="é&b"}') == (Sample({"__name__": "up", "a": "b"}, 1.0, 1.5),)
        client.query("up")
    first, second = server.asked
    assert first.path == "/prefix/api/v1/query"
    assert first.form == {"query": 'up{a="é&b"}', "timeout": "2.5s", "partial_response": "false"}
    assert (first.headers["authorization"], second.headers["authorization"]) == ("Bearer one", "Bearer two")
    assert first.headers["x-scope-orgid"] == "platform"


def test_values_are_numbers_also_where_they_are_none() -> None:
    told = vector(({}, "NaN"), ({}, "+Inf"), ({}, "-Inf"), ({}, "1e-3"))
    with prometheus(lambda _: told) as server, PrometheusClient(server.url) as client:
        nan, *others = [sample.value for sample in client.query("x")]
    assert math.isnan(nan)
    assert others == [math.inf, -math.inf, 0.001]


def test_a_scalar_is_a_series_without_labels_and_nothing_is_nothing() -> None:
    scalar = 200, {"status": "success", "data": {"resultType": "scalar", "result": [7, "3"]}}
    answers = {"scalar": scalar, "nothing": vector()}
    with prometheus(lambda query: answers[query]) as server, PrometheusClient(server.url) as client:
        assert client.query("scalar") == (Sample({}, 3.0, 7.0),)
        assert client.query("nothing") == ()


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error(400, "bad_data", '1:5: parse error: unexpected "}"'), QueryError, '1:5: parse error: unexpected "}"'),
        (error(422, "execution", "many-to-many matching not allowed"), QueryError, "many-to-many"),
        (error(503, "timeout", "query timed out"), PrometheusUnavailableError, "query timed out"),
        (error(429, "too_many", "slow down"), PrometheusUnavailableError, "slow down"),
        ((502, "<html>Bad gateway</html>"), PrometheusUnavailableError, "it answers 502 Bad Gateway"),
        ((401, f"no {TOKEN}"), PrometheusError, "it answers 401 Unauthorized"),
        (error(403, "forbidden", f"no {TOKEN}"), PrometheusError, "it answers 403 Forbidden"),
        ((302, ""), PrometheusError, "it answers 302 Found"),
        ((404, "<html>no</html>"), PrometheusError, "it answers 404 Not Found"),
        ((200, "<html>Sign in</html>"), PrometheusError, "not Prometheus' API"),
        ((200, {"status": "success"}), QueryError, "it gives no result"),
        ((200, {"status": "success", "data": {"resultType": "matrix", "result": []}}), QueryError, "a range of values"),
        (
            (200, {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": []}]}}),
            QueryError,
            "native histograms",
        ),
        (error(500, "internal", f"while sending {TOKEN}"), PrometheusUnavailableError, "while sending ***"),
    ],
)
def test_answers_that_are_none_are_told_apart(
    answer: tuple[int, object], kind: type[WsDeploymentError], said: str
) -> None:
    redaction.register(TOKEN)
    with (
        prometheus(lambda _: answer) as server,
        PrometheusClient(server.url, headers=lambda: {"Authorization": f"Bearer {TOKEN}"}) as client,
        pytest.raises(kind) as caught,
    ):
        client.query("up{\n  a")
    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert len(server.asked) == 1  # neither repeated, nor sent on to where a redirect leads


def test_a_server_that_is_not_there_may_come_back() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with PrometheusClient(address) as client, pytest.raises(PrometheusUnavailableError, match="refused"):
        client.query("up")


def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with (
            PrometheusClient(address, timeout=0.3) as client,
            pytest.raises(PrometheusUnavailableError, match=r"0\.3 s"),
        ):
            client.query("up")
    assert time.monotonic() - began < 5


def test_a_server_that_drips_is_given_up_in_time() -> None:
    with prometheus(lambda _: vector(({}, 1)), drip=0.05) as server:
        began = time.monotonic()
        with (
            PrometheusClient(server.url, timeout=0.4) as client,
            pytest.raises(PrometheusUnavailableError, match=r"no whole answer within 0\.4 s"),
        ):
            client.query("up")
    assert time.monotonic() - began < 5


def test_an_answer_without_end_is_not_read() -> None:
    with (
        prometheus(lambda _: (200, "x" * 9_000_000)) as server,
        PrometheusClient(server.url) as client,
        pytest.raises(QueryError, match="larger than 8 MB"),
    ):
        client.query("up")


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}\nX: y", f"Bearer {TOKEN}é"])
def test_a_malformed_secret_is_refused_without_showing_it(value: str) -> None:
    with (
        prometheus(lambda _: vector()) as server,
        PrometheusClient(server.url, headers=lambda: {"Authorization": value}) as client,
        pytest.raises(PrometheusError, match="a header is malformed") as caught,
    ):
        client.query("up")
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert server.asked == []


def test_tls_with_an_authority_of_ones_own_and_a_client_pair(tmp_path: Path) -> None:
    authority, stranger = Authority(), Authority("stranger")
    write_pair(tmp_path / "server", authority.pair("prometheus"))
    write_pair(tmp_path / "client", authority.pair("client"))
    write_pair(tmp_path / "stranger", stranger.pair("stranger"))
    ca, crt, key = (tmp_path / "client" / name for name in ("ca.crt", "tls.crt", "tls.key"))
    with prometheus(lambda _: vector(({}, 1)), certificate=tmp_path / "server", clients=ca) as server:
        with PrometheusClient(server.url, tls=ClientTls(ca, crt, key)) as client:
            assert client.query("up")[0].value == 1
        with PrometheusClient(server.url, tls=ClientTls(ca)) as client, pytest.raises(PrometheusUnavailableError):
            client.query("up")
        other = tmp_path / "stranger" / "ca.crt"
        with (
            PrometheusClient(server.url, tls=ClientTls(other, crt, key)) as client,
            pytest.raises(PrometheusError) as no,
        ):
            client.query("up")
        assert not no.value.transient
        assert "tls.ca" in str(no.value)
    assert len(server.asked) == 1


def test_certificates_that_cannot_be_read_are_told_by_their_path(tmp_path: Path) -> None:
    with pytest.raises(PrometheusError, match=r"ca\.crt"):
        PrometheusClient("https://127.0.0.1", tls=ClientTls(tmp_path / "ca.crt"))

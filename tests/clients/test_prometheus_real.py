"""The client against a real Prometheus, which scrapes an exporter of the test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from harness.prometheus import running_prometheus
from prometheus_client import CollectorRegistry, Counter, start_http_server

from ws_deployment.clients.prometheus import PrometheusClient, QueryError

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusClient]:
    registry = CollectorRegistry()
    starts = Counter("starts", "Starts.", ("cluster", "type"), registry=registry)
    starts.labels("eu16", "Regular").inc(7)
    starts.labels("eu16", "Prebuild").inc(2)
    exporter, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        with (
            running_prometheus(tmp_path_factory.mktemp("prometheus"), [f"127.0.0.1:{exporter.server_port}"]) as url,
            PrometheusClient(url, timeout=10) as asked,
        ):
            end = time.monotonic() + 30
            while not asked.query("starts_total") and time.monotonic() < end:
                time.sleep(0.1)
            yield asked
    finally:
        exporter.shutdown()
        thread.join()
        exporter.server_close()


def test_series_come_with_their_labels(client: PrometheusClient) -> None:
    samples = client.query('starts_total{cluster="eu16"}')
    assert {(sample.labels["type"], sample.value) for sample in samples} == {("Regular", 7.0), ("Prebuild", 2.0)}
    assert {sample.labels["__name__"] for sample in samples} == {"starts_total"}
    assert all(abs(sample.time - time.time()) < 60 for sample in samples)


def test_what_is_not_there_gives_nothing_and_what_cannot_be_divided_gives_nan(client: PrometheusClient) -> None:
    assert client.query('starts_total{cluster="eu17"}') == ()
    (nan,) = client.query("sum(starts_total * 0) / sum(starts_total * 0)")
    assert nan.value != nan.value


def test_a_scalar_is_taken(client: PrometheusClient) -> None:
    assert client.query("1 + 1")[0].value == 2


@pytest.mark.parametrize(
    ("promql", "said"),
    [
        ('sum(starts_total{cluster="eu16"}', r"1:33: parse error: unclosed left parenthesis"),
        ("starts_total +", r"1:15: parse error: unexpected end of input"),
        ("starts_total[5m]", "a range of values"),
        ('"eu16"', "a text"),
        ("starts_total * on(cluster) starts_total", "many-to-many"),
    ],
)
def test_a_faulty_query_is_told_with_the_place(client: PrometheusClient, promql: str, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        client.query(promql)
    assert said in str(caught.value)
    assert promql in str(caught.value)

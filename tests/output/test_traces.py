from __future__ import annotations

import gzip
import subprocess
import sys
import time

import pytest
from harness import event_streams as streams
from harness.http_server import Receiver, receiver
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from ws_deployment.output import traces
from ws_deployment.output.traces import asked_for, open_traces

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)


def traced(server: Receiver, story: streams.Story, monkeypatch: pytest.MonkeyPatch, **more: str) -> list[str]:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, **more}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (output,), warnings = open_traces(environment)
    assert not warnings
    return streams.play(output, story)


def spans(server: Receiver) -> tuple[dict[str, Span], dict[str, str]]:
    """The spans by name, and the resource's attributes."""
    found, resource = {}, {}
    for request in server.requests:
        assert request.path == "/v1/traces"
        packed = request.headers.get("Content-Encoding") == "gzip"
        message = ExportTraceServiceRequest.FromString(gzip.decompress(request.body) if packed else request.body)
        for part in message.resource_spans:
            resource |= {each.key: each.value.string_value for each in part.resource.attributes}
            found |= {span.name: span for scope in part.scope_spans for span in scope.spans}
    return found, resource


def test_a_span_a_task_below_the_runs_span_at_the_events_times(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as server:
        assert traced(server, streams.mixed(), monkeypatch) == []
    found, resource = spans(server)
    run = found.pop("run demo-staging")
    assert set(found) == set(streams.folded(streams.mixed()).tasks)
    assert all(span.parent_span_id == run.span_id and span.trace_id == run.trace_id for span in found.values())
    assert run.start_time_unix_nano == int(streams.BEGIN * 1e9)
    alive = found["us17/alive-test"]
    assert (alive.end_time_unix_nano - alive.start_time_unix_nano) / 1e9 == pytest.approx(30.0, abs=0.1)
    assert alive.status.code == Status.STATUS_CODE_ERROR
    assert alive.status.message.startswith("checking that us17 lives")
    assert run.status.code == Status.STATUS_CODE_ERROR
    assert found["eu17/alive-test"].status.code == Status.STATUS_CODE_OK
    assert found["us17/register-cluster"].status.code == Status.STATUS_CODE_UNSET
    assert [event.name for event in found["us17/install-jaeger"].events] == ["retry", "retry"]
    attributes = {each.key: each.value for each in found["us17/install-jaeger"].attributes}
    assert attributes["ws_deployment.attempts"].int_value == 3
    assert attributes["ws_deployment.step"].string_value == "install-jaeger"
    assert resource["service.name"] == "ws-deployment"


def test_the_trace_of_the_job_is_continued_and_the_service_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as server:
        traced(server, streams.good(), monkeypatch, TRACEPARENT=TRACEPARENT, OTEL_SERVICE_NAME="rollouts")
    found, resource = spans(server)
    run = found["run demo-staging"]
    assert run.trace_id.hex() == TRACEPARENT.split("-")[1]
    assert run.parent_span_id.hex() == TRACEPARENT.split("-")[2]
    assert resource["service.name"] == "rollouts"


def test_an_interrupted_task_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as server:
        traced(server, streams.interrupted(), monkeypatch)
    found, _ = spans(server)
    assert found["eu17/install-gitpod"].status.code == Status.STATUS_CODE_ERROR


def test_a_receiver_that_is_not_there_is_one_warning_and_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with receiver() as gone:
        pass
    monkeypatch.setattr(traces, "LINGER", 1.0)
    started = time.monotonic()
    warnings = traced(gone, streams.good(), monkeypatch)
    assert time.monotonic() - started < 3
    assert len(warnings) == 1
    assert warnings[0].startswith("traces were not all delivered")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], asked: bool) -> None:
    assert asked_for(environment) is asked


@pytest.mark.parametrize(
    ("environment", "warning"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin is not known"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "http/json is not supported",
        ),
    ],
)
def test_what_is_not_supported_is_a_warning(environment: dict[str, str], warning: str) -> None:
    outputs, (told,) = open_traces(environment)
    assert not outputs
    assert warning in told


def test_without_the_extra_there_is_one_warning_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    outputs, (warning,) = open_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"})
    assert not outputs
    assert "pip install 'ws-deployment[otel]'" in warning


def test_nothing_is_imported_while_nothing_is_asked_for() -> None:
    program = (
        "import sys, ws_deployment.output.traces as t; assert t.open_traces({}) == ((), ());"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

from __future__ import annotations

from pathlib import Path

from harness import event_streams as streams
from prometheus_client.parser import text_string_to_metric_families

from ws_deployment.output.textfile import TextfileOutput

FLEET = {"fleet": "demo-staging"}


def samples(path: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"ws_deployment_{name}", frozenset({**FLEET, **labels}.items())


def test_the_outcome_of_a_failed_run(tmp_path: Path) -> None:
    path = tmp_path / "ws.prom"
    assert streams.play(TextfileOutput(path), streams.mixed()) == []
    found = samples(path)
    assert found[key("run_status", status="failed")] == 1
    assert found[key("run_status", status="done")] == 0
    assert round(found[key("run_duration_seconds")]) == 609
    assert found[key("task_duration_seconds", target="us17", step="alive-test", status="failed")] == 30
    assert found[key("task_attempts", target="us17", step="install-jaeger")] == 3
    assert found[key("task_attempts", target="us17", step="register-cluster")] == 0
    assert found[key("traffic_ratio", meta_cluster="prod-meta-eu00", cluster="eu17")] == 1
    assert key("run_last_success_timestamp_seconds") not in found
    assert [file.name for file in tmp_path.iterdir()] == ["ws.prom"]


def test_the_last_success_outlives_failed_runs(tmp_path: Path) -> None:
    path = tmp_path / "ws.prom"
    streams.play(TextfileOutput(path), streams.good())
    succeeded = samples(path)[key("run_last_success_timestamp_seconds")]
    assert round(succeeded - streams.BEGIN) == 609
    streams.play(TextfileOutput(path), streams.mixed())
    assert samples(path)[key("run_last_success_timestamp_seconds")] == succeeded
    assert samples(path)[key("run_status", status="done")] == 0


def test_a_broken_former_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ws.prom"
    path.write_bytes(b"\xff\xfe no metrics")
    streams.play(TextfileOutput(path), streams.good())
    assert samples(path)[key("run_status", status="done")] == 1

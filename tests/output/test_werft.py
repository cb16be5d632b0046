from __future__ import annotations

import io
from collections import defaultdict
from pathlib import Path

from harness import event_streams as streams

from ws_deployment.output.werft import WerftOutput


def cut(story: streams.Story) -> tuple[list[str], dict[str, list[tuple[str, str]]]]:
    """Phases, and what each slice got, as werft's cutter takes the lines apart."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    streams.play(WerftOutput(stream), story)
    stream.seek(0)
    phases, slices = [], defaultdict(list)
    for line in stream.read().splitlines():
        assert len(line.encode()) < 64 * 1024
        assert line.startswith("[")
        name, _, payload = line[1:].partition("]")
        name, _, verb = name.partition("|")
        if verb == "PHASE":
            phases.append(name)
        else:
            slices[name].append((verb, payload.removeprefix(" ")))
    return phases, slices


def test_phases_are_steps_and_slices_are_tasks() -> None:
    phases, slices = cut(streams.mixed())
    assert phases == list(streams.STEPS)
    assert slices["eu17 install-gitpod"][-1] == ("DONE", "")
    assert slices["eun17 create-cluster"][-1] == ("DONE", "")
    verb, why = slices["us17 alive-test"][-1]
    assert verb == "FAIL"
    assert why.startswith("checking that us17 lives")
    assert slices["run"][-1] == ("FAIL", "failed")


def test_results_are_never_empty() -> None:
    _, slices = cut(streams.mixed())
    assert ("RESULT", "https://127.0.0.1:41175 eu17 of demo-staging") in slices["url"]
    results = [payload for lines in slices.values() for verb, payload in lines if verb == "RESULT"]
    assert len(results) == 3
    assert all(len(payload.split()) > 1 for payload in results)


def test_a_line_is_never_longer_than_the_cutter_takes(tmp_path: Path) -> None:
    story = streams.good(str(tmp_path))
    run = streams.folded(story)
    kept = run.tasks["eu17/create-cluster"].output
    assert kept
    kept.parent.mkdir(parents=True)
    kept.write_text("é" * 100_000 + "\n[other|FAIL] line\n")
    _, slices = cut(story)
    assert ("", "[other|FAIL] line") in slices["eu17 create-cluster"]
    assert "other" not in slices

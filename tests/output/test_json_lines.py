from __future__ import annotations

import copy
import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from engine.noop import MetaScripted, Script, Scripted, carry_out, config, configured
from harness import event_streams as streams

from ws_deployment.engine.events import Event, Kind
from ws_deployment.output.json_lines import JsonLinesOutput
from ws_deployment.output.model import RunView
from ws_deployment.output.summary import Summary

DOCS = Path(__file__).parent.parent.parent / "docs"
STORIES = [streams.good, streams.mixed, streams.interrupted, streams.refused, streams.asking, streams.approved]


def strict(schema: Any) -> Any:
    """The schema with undocumented keys forbidden, which readers must tolerate but we must not make."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if schema.get("type") == "object" and schema.get("properties") is not None:
            schema.setdefault("additionalProperties", False)
    return [strict(each) for each in schema] if isinstance(schema, list) else schema


@pytest.fixture(scope="session")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((DOCS / "events.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(strict(schema))


def written(events: list[Event]) -> list[dict[str, Any]]:
    stream = io.StringIO()
    output, run = JsonLinesOutput(stream, lambda run: Summary(run).as_json()), RunView()
    for event in events:
        run.take(event)
        output.take(event, run)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("story", STORIES)
def test_each_line_is_as_documented(story: Any, validator: jsonschema.Draft202012Validator) -> None:
    for line in written(story().events()):
        validator.validate(line)


def test_each_event_of_a_carried_out_run_is_as_documented(
    tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    fleet = config({"eu": "meta-eu", "us": "meta-us"})
    first = Scripted(Script(fails=("us1",), transient_failures=1, hold=0.01))
    events: list[Event] = []
    steps = configured(fleet, first=first, second=Scripted(Script()), shift=MetaScripted(Script()))
    carry_out(fleet, tmp_path, steps, events=events)
    lines = written(events)
    assert len(lines) == len(events)
    for line in lines:
        validator.validate(line)
    assert lines[-1]["kind"] == "run.finished"
    assert lines[-1]["data"]["summary"]["failures"] == ["us1/first"]


def test_the_last_line_has_the_summary() -> None:
    summary = written(streams.mixed().events())[-1]["data"]["summary"]
    assert summary["status"] == "failed"
    assert summary["failures"] == ["us17/alive-test"]
    assert summary["counts"] == {"done": 16, "skipped": 1, "failed": 1, "blocked": 2}
    assert summary["clusters"][0]["url"] == "https://127.0.0.1:41175"
    assert summary["traffic"] == {"prod-meta-eu00": {"eu17": 100.0}}
    assert list(summary["removals"]) == ["us17"]


def test_the_documents_examples_are_valid_and_there_is_one_for_each_kind(
    validator: jsonschema.Draft202012Validator,
) -> None:
    blocks = re.findall(
        r"^### (\S+)\n\n.*?^```json\n(.*?)^```", (DOCS / "events.md").read_text(), re.DOTALL | re.MULTILINE
    )
    examples = {kind: json.loads(block) for kind, block in blocks}
    assert list(examples) == [str(kind) for kind in Kind]
    for kind, example in examples.items():
        assert example["kind"] == kind
        validator.validate(example)


def test_the_schema_can_fail(validator: jsonschema.Draft202012Validator) -> None:
    line = written(streams.mixed().events())[5]
    for spoil in ({"kind": "task.unheard"}, {"seq": 0}, {"time": "yesterday"}, {"data": {"surprise": 1}}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**copy.deepcopy(line), **spoil})

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from ws_deployment.config.gates import COMPARING, Gate, Gates, Limits, ReadyName
from ws_deployment.config.loader import load
from ws_deployment.config.model import Model
from ws_deployment.config.model_faults import faults_of
from ws_deployment.config.query_template import check
from ws_deployment.config.ready_gates import resolved, starts_query

OWN = {"name": "waiting", "query": 'x{cluster="{{cluster}}"}', "successWhen": "< 1"}
CONFIG = """\
version: v1
environment: staging
project: demo
metaClusters: [{name: meta, region: europe-west1}]
workspaceClusters: [{prefix: eu, region: europe-west1, governedBy: meta}]
pipeline:
- step: shift
  with:
    gates:
"""


class Shift(Model):
    gates: Gates | None = None


def faults(gates: str, folder: Path) -> list[tuple[str, str]]:
    """What is told of `gates` as a user writes them: message and remedy, each with its place."""
    path = folder / "config.yaml"
    path.write_text(CONFIG + "\n".join(f"    {line}" for line in gates.splitlines()))
    document = load(path)
    assert document.config is not None
    with pytest.raises(ValidationError) as caught:
        Shift.model_validate(document.config.pipeline[0].parameters)
    told = faults_of(caught.value, document, ("pipeline", 0, "with"), Shift)
    assert all(fault.where for fault in told)
    return [(fault.message, fault.remedy) for fault in told]


def test_gates_are_names_and_own_ones() -> None:
    gates = TypeAdapter(Gates).validate_python(
        ["start-failures", OWN, {"ready": "pending", "dryRun": True, "interval": "5s", "name": "waiting-2"}]
    )
    assert [gate.called for gate in gates] == ["start-failures", "waiting", "waiting-2"]
    assert gates[2].interval == 5
    assert gates[1].limits == Limits(success=1, failed=1, inconclusive=30, error=6)
    assert (gates[1].on_failed, gates[1].on_inconclusive, gates[1].on_error) == ("rollback", "hold", "hold")


def test_no_gates_are_another_thing_than_none_named() -> None:
    assert Shift.model_validate({"gates": "none"}).gates == ()
    assert Shift.model_validate({}).gates is None
    validator = Draft202012Validator(Shift.model_json_schema())
    for good in ("none", ["start-failures", OWN, {"ready": "pending"}]):
        assert validator.is_valid({"gates": good})
    for bad in ("nothing", ["start-failurs"], [{"ready": "pending", "colour": "blue"}]):
        assert not validator.is_valid({"gates": bad})


@pytest.mark.parametrize(
    ("gates", "message", "remedy"),
    [
        ("- start-failurs", "can't be `start-failurs`", "Did you mean `start-failures`?"),
        ("- {name: a, query: 'x{{clustr}}', failWhen: '> 1'}", "is no template", ""),
        ("- {name: a, query: 'x{{cluster}}', failWhen: 'over 1'}", "is no condition", ""),
        ("- {name: a, query: 'x{{cluster}}', failWhen: '> 2 and < 1'}", "never holds", ""),
        ("- {name: a, query: 'x{{cluster}}', successWhen: '< 5', failWhen: '> 3'}", "both hold for 4", ""),
        ("- {name: a, query: 'x{{cluster}}'}", "`successWhen`, `failWhen` or both", ""),
        ("- {query: 'x{{cluster}}', failWhen: '> 1'}", "needs a `name`", ""),
        ("- {name: a}", "exactly one of `ready`, `query` and `compare`", ""),
        ("- {ready: pending, query: 'x{{cluster}}', failWhen: '> 1'}", "exactly one of", ""),
        ("- {ready: pending, compare: {times: 4}}", "judges a value", ""),
        ("- {ready: start-failures, failWhen: '> 1'}", "a comparison judges by", ""),
        ("- {name: a, compare: {times: 4}}", "needs `bad` and `all`", ""),
        ("- {name: a, compare: {bad: 'x{{cluster}}'}}", "go together", ""),
        ("- {ready: start-failures, compare: {times: 4, difference: 0.1}}", "not both", ""),
        (
            "- {name: a, query: 'x{{cluster}}', failWhen: '> 1', limits: {failed: 0}}",
            "greater than or equal to 1",
            "",
        ),
        ("- {name: a, query: 'x{{cluster}}', failWhen: '> 1', limits: {faild: 2}}", "no key", "mean `failed`?"),
        ("- {name: a, query: 'x{{cluster}}', failWhen: '> 1', onFailed: roll}", "can't be `roll`", "`rollback`"),
        ("- {name: a, query: 'x{{cluster}}', failWhen: '> 1', metrics: '2021'}", "names its metrics", ""),
        ("- {name: a, query: 'x{{cluster}}', failWhen: '> 1', minSamples: 3}", "needs `samples`", ""),
        ("- pending\n- {ready: pending}", "two gates are called `pending`", ""),
    ],
)
def test_a_faulty_gate_is_told(gates: str, message: str, remedy: str, tmp_path: Path) -> None:
    told = faults(gates, tmp_path)
    assert len(told) == 1, told
    assert message in told[0][0]
    assert remedy in told[0][1]


@pytest.mark.parametrize("api", ["2021", "2026"])
@pytest.mark.parametrize("name", get_args(ReadyName))
def test_ready_made_gates_are_gates_like_any(name: str, api: Any) -> None:
    gate = resolved(Gate.model_validate(name), api)
    assert gate.ready is None
    assert gate.called == name
    assert (gate.compare is not None) is (name in COMPARING)
    queries = [gate.query, gate.samples, *((gate.compare.bad, gate.compare.all) if gate.compare else ())]
    for query in filter(None, queries):
        assert check(query)
        assert "@" not in query
        assert ("_mk2_" in query) is (api == "2026")
    assert "starts_failure_total" not in str(gate) or api == "2026"  # 2021 has no such metric


def test_what_is_given_goes_before_what_a_ready_made_gate_has() -> None:
    given = {
        "ready": "start-failures",
        "name": "sick-starts",
        "metrics": "2021",
        "compare": {"difference": 0.05, "minStarts": 100},
        "limits": {"inconclusive": 5},
        "onFailed": "ask",
    }
    gate = resolved(Gate.model_validate(given), "2026")
    assert gate.called == "sick-starts"
    assert gate.compare is not None
    assert gate.compare.bad is not None
    assert 'gitpod_ws_manager_workspace_stops_total{cluster="{{cluster}}", reason="failed"}' in gate.compare.bad
    assert (gate.compare.difference, gate.compare.times, gate.compare.min_starts) == (0.05, None, 100)
    assert gate.on_failed == "ask"
    assert gate.limits.inconclusive == 5
    pending = resolved(Gate.model_validate({"ready": "pending", "limits": {"error": 2}, "failWhen": "> 30"}), "2026")
    assert pending.limits == Limits(failed=3, error=2)
    assert (pending.success_when, pending.fail_when) == ("<= 20", "> 30")


def test_an_own_gate_stays_as_it_is() -> None:
    gate = Gate.model_validate(OWN)
    assert resolved(gate, "2021") is gate


def test_starts_are_counted_under_each_generations_name() -> None:
    assert starts_query("2021") == 'gitpod_ws_manager_workspace_starts_total{cluster=~"{{old}}"}'
    assert starts_query("2026") == 'gitpod_ws_manager_mk2_workspace_starts_total{cluster=~"{{old}}"}'

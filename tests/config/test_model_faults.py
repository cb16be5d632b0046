from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from ws_deployment.config.duration import Duration
from ws_deployment.config.faults import Fault, in_order
from ws_deployment.config.loader import load
from ws_deployment.config.model_faults import faults_of

CONFIG = """\
version: v1
environment: staging
project: demo
metaClusters: [{name: meta, region: europe-west1}]
workspaceClusters: [{prefix: eu, region: europe-west1, governedBy: meta}]
pipeline:
- create-cluster
- step: shift
  with:
    stages: [10, fifty]
    holdTime: soon
    probes:
    - {url: a, retires: 1}
    - {}
    target: {name: [1]}
"""


class Strict(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Target(Strict):
    name: str


class Probe(Strict):
    url: str
    retries: int = 0


class Shift(Strict):
    stages: list[int]
    hold_time: Duration
    probes: list[Probe] = []
    target: Target | str = ""
    required: bool


def told(text: str, tmp_path: Path) -> list[Fault]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    document = load(path)
    assert document.config is not None
    with pytest.raises(ValidationError) as caught:
        Shift.model_validate(document.config.pipeline[1].parameters)
    return in_order(faults_of(caught.value, document, ("pipeline", 1, "with"), Shift))


def test_a_steps_parameters_are_told_at_their_places_in_the_config(tmp_path: Path) -> None:
    faults = told(CONFIG, tmp_path)
    assert [(fault.where.line, fault.where.column) for fault in faults if fault.where] == [
        (10, 5),
        (10, 18),
        (11, 15),
        (13, 16),
        (14, 7),
        (15, 14),
    ]
    by_path = {fault.path[2:]: fault for fault in faults}
    assert by_path[("with", "required")].message == "`required` is missing in `pipeline[1].with`"
    assert "whole number, not a text" in by_path[("with", "stages", 1)].message
    assert "no duration" in by_path[("with", "holdTime")].message
    assert by_path[("with", "probes", 0, "retires")].remedy == "Did you mean `retries`?"
    assert by_path[("with", "probes", 1, "url")].path == ("pipeline", 1, "with", "probes", 1, "url")


def test_a_union_complains_once_and_for_the_member_that_was_meant(tmp_path: Path) -> None:
    about_target = [fault for fault in told(CONFIG, tmp_path) if fault.path[3:4] == ("target",)]
    assert [(fault.path[4:], fault.message) for fault in about_target] == [
        (("name",), "`pipeline[1].with.target.name` has to be a text, not a list")
    ]


def test_a_step_without_parameters_is_told_at_its_name(tmp_path: Path) -> None:
    head = CONFIG.partition("- step: shift")[0]
    faults = told(f"{head}- shift\n", tmp_path)
    assert {(fault.where.line, fault.where.column) for fault in faults if fault.where} == {(8, 3)}
    assert {fault.path[-1] for fault in faults} == {"stages", "holdTime", "required"}

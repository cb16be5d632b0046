from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field

from ws_deployment.config.model import Model
from ws_deployment.config.reader import read
from ws_deployment.config.schema import json_schema
from ws_deployment.config.tree import plain

ROOT = Path(__file__).parents[2]


class Nothing(Model):
    pass


class Probe(Model):
    url: str


class Release(Model):
    chart: str
    probes: tuple[Probe, ...] = ()
    values: dict[str, Any] = Field(default_factory=dict)
    port: int = 80


STEPS: dict[str, type[Model]] = dict.fromkeys(["create-cluster", "alive-test", "traffic-shift"], Nothing)
SCHEMA = json_schema({**STEPS, "install-release": Release})
VALIDATOR = Draft202012Validator(SCHEMA)
EVERYTHING = ROOT / "tests/data/everything.yaml"


def faults(document: Any) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(document)]


def with_pipeline(*steps: Any) -> Any:
    return {**plain(read(EVERYTHING).root), "pipeline": list(steps)}


def test_the_schema_is_one_and_accepts_what_is_shipped() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert faults(plain(read(EVERYTHING).root)) == []
    assert faults(plain(read(ROOT / "configs/production.yaml").root)) == []


@pytest.mark.parametrize("path", [(), ("project",), ("metaClusters", 0), ("workspaceClusters", 0), ("defaults",)])
def test_unknown_keys_are_refused(path: tuple[str | int, ...]) -> None:
    document = plain(read(EVERYTHING).root)
    here = document
    for key in path:
        here = here[key]
    here["colour"] = "blue"
    assert faults(document)


def test_a_steps_parameters_are_known_under_its_name() -> None:
    assert faults(with_pipeline({"step": "install-release", "with": {"chart": "a", "probes": [{"url": "b"}]}})) == []
    assert faults(with_pipeline({"step": "install-release", "with": {"chart": "a", "probes": [{"uri": "b"}]}}))
    assert faults(with_pipeline({"step": "install-release"}))
    assert faults(with_pipeline({"step": "create-cluster", "with": {"chart": "a"}}))
    assert faults(with_pipeline("create-clustr"))


def test_a_variable_may_stand_where_any_scalar_may() -> None:
    variable = "${env:X}"
    parameters = {"chart": variable, "port": variable}
    document = with_pipeline({"step": "install-release", "with": parameters, "retries": {"attempts": variable}})
    document["environment"] = document["defaults"]["parallelism"] = variable
    document["workspaceClusters"][0] |= {"prefix": variable, "create": variable}
    assert faults(document) == []


def test_what_is_required_may_come_from_a_base() -> None:
    assert faults({"version": "v1", "extends": "base.yaml"}) == []
    assert faults({"version": "v1"})
    assert faults({"version": "v2", "extends": "base.yaml"})


def test_every_field_tells_its_meaning() -> None:
    for name, definition in SCHEMA["$defs"].items():
        if name in STEPS or name.startswith("install-release") or name == "EnvironmentVariable":
            continue
        for whole in definition.get("anyOf", [definition]):
            for key, field in whole.get("properties", {}).items():
                assert field.get("description"), f"{name}.{key}"

"""By what a pipeline registers and moves traffic, and that both are asked before a cluster is taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from harness.programs import double
from ws_deployment_steps.in_use import refuse_registered

from ws_deployment.cli.config_file import require
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import backends
from ws_deployment.engine.backends import Backend
from ws_deployment.engine.context import TaskContext
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.traffic_view import onlooker
from ws_deployment.errors import RefusedError
from ws_deployment.fleet.resolve import resolve
from ws_deployment.interfaces import NotYetError, Scope


def config(folder: Path, *pipeline: Any) -> ConfigV1:
    """At a meta cluster whose bridge nobody knows."""
    metas = [{"name": "meta", "region": "europe-west1", "type": "existing"}]
    return require(write_config(folder, metaClusters=metas, pipeline=list(pipeline)))[0]


def by(step: str, via: str, **options: Any) -> dict[str, Any]:
    return {"step": step, "with": {"via": via, "options": options}}


def program(folder: Path, name: str, *registered: dict[str, Any]) -> dict[str, Any]:
    """Options of a program that knows these registrations."""
    state = folder / f"{name}.json"
    state.write_text(json.dumps({each["name"]: each for each in registered}))
    return {
        "command": [double("meta_command", folder)],
        "environment": {"STATE": str(state)},
        "secretEnvironment": {"TOKEN": {"variable": "TEST_TOKEN"}},
    }


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", "s3cret-token")


def test_steps_say_by_what_it_is_registered_and_shifted(tmp_path: Path) -> None:
    register = by("register-cluster", "gpctl", program="gpctl")
    route = {"name": "start", "service": "ws-{cluster}"}
    made = config(tmp_path, "create-cluster", register, by("traffic-shift", "httproute", **route))
    assert backends.registrar(made) == Backend("gpctl", {"program": "gpctl"})
    assert backends.router(made) == Backend("httproute", route)
    retiring = config(tmp_path, by("retire-cluster", "gpctl"))
    assert (backends.registrar(retiring), backends.router(retiring)) == (Backend("gpctl"), Backend())
    assert backends.registrar(config(tmp_path, "create-cluster")) is None


def about_eu17(made: ConfigV1, folder: Path) -> TaskContext:
    fleet = resolve(made, 17)
    run = onlooker(made, folder / "config.yaml", folder / "state", name="test")
    context = TaskContext(run, fleet, Task("eu17/create-cluster", "create", Scope.CLUSTER, "eu17", ("eu17",), ()), {})
    context.restart_clock(60)
    return context


def there(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "score": 50, "available": False, **more}


@pytest.mark.parametrize("step", ["register-cluster", "traffic-shift"])
def test_a_cluster_that_a_teams_own_program_has_registered_is_not_removed(step: str, tmp_path: Path) -> None:
    url = "https://eu17.example.com"
    known = {"by url": there("other", url=url), "by name": there("eu17")}
    for case, registration in known.items():
        made = config(tmp_path, "create-cluster", by(step, "command", **program(tmp_path, "s", registration)))
        with pytest.raises(RefusedError, match="it is registered at meta as") as refused:
            refuse_registered("removing", about_eu17(made, tmp_path), url)
        assert registration["name"] in refused.value.why, case
    others = [there("eu16", url="https://eu16"), there("eu17", url="https://another")]
    made = config(tmp_path, "create-cluster", by(step, "command", **program(tmp_path, "s", *others)))
    refuse_registered("removing", about_eu17(made, tmp_path), url)


def test_both_are_asked_where_they_differ(tmp_path: Path) -> None:
    first, second = program(tmp_path, "a", there("eu16")), program(tmp_path, "b", there("eu17"))
    made = config(tmp_path, by("register-cluster", "command", **first), by("traffic-shift", "command", **second))
    context = about_eu17(made, tmp_path)
    assert [each.name for each in context.registered(context.fleet.meta("meta"))] == ["eu16", "eu17"]


def test_where_nothing_can_be_asked_that_is_said(tmp_path: Path) -> None:
    context = about_eu17(config(tmp_path, "create-cluster"), tmp_path)
    with pytest.raises(NotYetError):
        context.registered(context.fleet.meta("meta"))
    refuse_registered("removing", context, "https://eu17.example.com")

"""`upgrade schedule`, `status`, `cancel`, `freeze`, `due` as their users call them, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.in_process import called
from harness.program import Ended
from harness.upgrade_plans import plan_of

from ws_deployment.releases import plan_file
from ws_deployment.releases.paths import path_of
from ws_deployment.releases.plan import Kept, KeptField

LATER = "2099-11-28T02:00+01:00"


Command = Callable[..., Ended]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the program in this process, in a folder with the plan of a cluster, with a state of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("WS_DEPLOYMENT_STATE", raising=False)
    monkeypatch.chdir(tmp_path)
    list(plan_file.write(Path("plan"), [plan_of({})]))

    def call(*arguments: str) -> Ended:
        return called(monkeypatch, capsys, "upgrade", *arguments)

    return call


def test_a_schedule_is_told_with_its_zone_and_shown_until_it_is_cancelled(command: Command) -> None:
    made = command("schedule", "plan", "--at", LATER)
    assert made.code == 0
    assert made.out == (
        "org/alpha from 25.0.0 to 25.1.0: Sat 2099-11-28 01:00 UTC, until Sat 2099-11-28 01:30 UTC at the latest\n"
    )
    assert "upgrade due" in made.err
    assert "org/alpha from 25.0.0 to 25.1.0: scheduled, Sat 2099-11-28 01:00 UTC (by" in command("status").out
    assert command("cancel", "alpha", "--reason", "not now").out == "org/alpha from 25.0.0 to 25.1.0: cancelled\n"
    told = command("status", "alpha").out
    assert ": cancelled, " in told
    assert told.endswith(": not now\n")


def test_a_window_is_the_next_opening_after_now(command: Command) -> None:
    made = command("schedule", "plan", "--window", "Sat 02:00-05:00 Europe/Berlin", "--json")
    (told,) = json.loads(made.out)
    opens, closes = (datetime.fromisoformat(told[key]) for key in ("opens", "closes"))
    assert datetime.now(UTC) <= opens < datetime.now(UTC) + timedelta(days=8)
    assert f"{opens:%a}" == "Sat"
    assert told["asked"] == "Sat 02:00-05:00 Europe/Berlin"
    assert closes - opens in {timedelta(hours=hours) for hours in (2, 3, 4)}


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ((), 2, "give either --at or --window"),
        (("--at", LATER, "--window", "Sat 02:00-05:00 UTC"), 2, "give either --at or --window"),
        (("--at", "2099-11-28T02:00"), 2, "it has no zone"),
        (("--at", "2020-11-28T02:00Z"), 2, "it is past"),
        (("--window", "Sat 02:00-05:00"), 2, "it has no zone"),
        (("--at", LATER, "--grace", "soon"), 2, "is no duration"),
    ],
)
def test_what_can_not_be_scheduled_is_told_and_nothing_is_kept(
    command: Command, arguments: tuple[str, ...], code: int, why: str
) -> None:
    ended = command("schedule", "plan", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert why in ended.err
    assert "Traceback" not in ended.err
    assert "Nothing is scheduled." in command("status").err


def test_a_plan_with_an_open_question_is_refused(command: Command) -> None:
    plan = plan_of({})
    asked = KeptField(path_of("spec.size"), 1, 2, Kept.ASK)
    list(plan_file.write(Path("plan"), [replace(plan, objects=(replace(plan.objects[0], kept=(asked,)),))]))
    ended = command("schedule", "plan", "--at", LATER)
    assert ended.code == 3
    assert "nobody has answered" in ended.err


def test_a_cluster_that_flux_writes_is_refused(command: Command) -> None:
    plan = plan_of({})
    owned = replace(plan.objects[0], owner="Flux Kustomization flux-system/apps")
    list(plan_file.write(Path("plan"), [replace(plan, objects=(owned,))]))
    ended = command("schedule", "plan", "--at", LATER)
    assert (ended.code, "upgrade commit" in ended.err) == (3, True)


def test_of_several_plans_all_are_scheduled_or_none(command: Command) -> None:
    command("schedule", "plan", "--at", LATER)
    list(plan_file.write(Path("plans"), [plan_of({}, "beta"), plan_of({}, "alpha")]))
    ended = command("schedule", "plans", "--at", LATER)
    assert ended.code == 3
    assert "scheduled already" in ended.err
    assert [one["cluster"] for one in json.loads(command("status", "--json").out)["schedules"]] == ["org/alpha"]


def test_a_freeze_is_told_refuses_what_it_holds_and_ends_when_it_is_lifted(command: Command) -> None:
    command("schedule", "plan", "--at", LATER)
    made = command("freeze", "--reason", "the sale", "--until", "2100-01-01T00:00Z")
    assert "This holds org/alpha from 25.0.0 to 25.1.0, Sat 2099-11-28 01:00 UTC." in made.err
    name, _, told = made.out.partition("  ")
    assert told == "all clusters: frozen until Fri 2100-01-01 00:00 UTC: the sale\n"
    assert "frozen until Fri 2100-01-01 00:00 UTC: the sale" in command("status").out
    list(plan_file.write(Path("beta"), [plan_of({}, "beta")]))
    ended = command("schedule", "beta", "--at", LATER)
    assert (ended.code, "the sale" in ended.err) == (3, True)
    moved = json.loads(command("schedule", "beta", "--window", "Sat 02:00-05:00 UTC", "--json").out or "[]")
    assert moved == [], "the next 400 days are frozen"
    assert command("freeze", "--lift", name).out == f"{name}  all clusters: lifted\n"
    assert command("freeze", "--list").out == ""
    assert command("schedule", "beta", "--at", LATER).code == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "give one of --reason, --lift and --list"),
        (("--reason", "x", "--list"), "give one of"),
        (("--reason", "x", "--from", LATER, "--until", "2099-01-01T00:00Z"), "ends before it begins"),
        (("--reason", "x", "--cluster", "alpha"), "no namespace"),
        (("--reason", "x", "--until", "tomorrow"), "it is none"),
        (("--lift", "nothing"), "no such freeze"),
    ],
)
def test_a_freeze_that_can_not_be_is_told(command: Command, arguments: tuple[str, ...], why: str) -> None:
    ended = command("freeze", *arguments)
    assert (ended.code, why in ended.err) == (2, True), ended.err


def test_where_nothing_was_ever_scheduled_nothing_is_made(command: Command, tmp_path: Path) -> None:
    assert command("status").err == "Nothing is scheduled.\n"
    assert json.loads(command("status", "--json").out) == {"schedules": [], "freezes": []}
    assert command("due").err == "nothing is due\n"
    assert command("due", "--dry-run", "--json").out == "[]\n"
    assert command("cancel", "alpha").code == 2
    assert not (tmp_path / "state").exists()


def test_what_is_due_is_listed_without_a_cluster(command: Command) -> None:
    command("schedule", "plan", "--at", LATER, "--ahead", "40000d")
    assert command("due", "--dry-run").out == "org/alpha from 25.0.0 to 25.1.0: scheduled, Sat 2099-11-28 01:00 UTC\n"
    told = command("due")
    assert (told.code, told.err) == (0, "org/alpha from 25.0.0 to 25.1.0 begins Sat 2099-11-28 01:00 UTC\n")
    assert command("due", "--dry-run").err == "nothing is due\n"

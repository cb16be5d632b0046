"""Scheduled upgrades: kept, announced, carried out once in their time, by a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from harness.upgrade_plans import WANTED, Management, plan_of

from ws_deployment.engine.leases import Leases
from ws_deployment.engine.schedules import Asked, Schedule, Schedules, Stage, lease_of
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.engine.upgrading import Kind, Notice, at_once, carry_out, due
from ws_deployment.errors import LockedError, RefusedError, TransientError, UsageError, WsDeploymentError
from ws_deployment.releases.calendar.freezes import Freeze, next_opening
from ws_deployment.releases.calendar.window import Opening, Window
from ws_deployment.releases.plan import Problem

OPENS = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
ASKED = Asked("Sat 02:00-05:00 Europe/Berlin", Opening(OPENS, OPENS + timedelta(hours=3)), "Europe/Berlin")


class Desk:
    """A state, a cluster, and a clock that is turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.management = Management(folder / "management.json")
        self.time = OPENS - timedelta(days=7)
        self.open()

    def open(self) -> None:
        self.store = Store(State(self.folder))
        self.schedules = Schedules(self.store)
        self.held = Leases(self.store.engine)

    def close(self) -> None:
        self.held.close()
        self.store.close()

    def clock(self) -> float:
        return self.time.timestamp()

    def schedule(self, asked: Asked = ASKED) -> Schedule:
        return self.schedules.add(plan_of(self.management.fields), asked, self.clock())

    def look(self, **after: float) -> list[Notice]:
        self.time += timedelta(**after)
        return carry_out(self.schedules, self.held, self.management, lambda _: None, self.clock)

    def status(self) -> Stage:
        return self.schedules.all()[0].status


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def kinds(notices: list[Notice]) -> list[Kind]:
    return [notice.kind for notice in notices]


def test_it_is_announced_once_carried_out_once_and_then_left_alone(desk: Desk) -> None:
    desk.schedule()
    assert desk.look() == desk.look(days=6) == []
    (ahead,) = desk.look(hours=23, minutes=45)
    assert ahead.text == "org/alpha from 25.0.0 to 25.1.0 begins Sat 2026-11-28 02:00 CET (01:00 UTC)"
    assert desk.look(minutes=14, seconds=59) == []
    assert kinds(desk.look(seconds=1)) == [Kind.BEGUN, Kind.ENDED]
    assert desk.management.writes == list(WANTED)
    assert desk.status() is Stage.DONE
    assert desk.look(minutes=5) == desk.look(days=30) == []
    assert desk.management.writes == list(WANTED)


def test_a_schedule_survives_a_restart(desk: Desk) -> None:
    made = desk.schedule()
    desk.close()
    desk.open()
    assert desk.schedules.open() == [made]
    assert desk.schedules.plan(made) == plan_of(desk.management.fields)


def test_one_that_was_missed_is_told_once_and_never_done(desk: Desk) -> None:
    desk.schedule()
    (told,) = desk.look(days=7, hours=3)
    assert told.bad
    assert "nobody carried out what was due" in told.text
    assert "Sat 2026-11-28 02:00 CET (01:00 UTC) to Sat 2026-11-28 05:00 CET" in told.text
    assert desk.status() is Stage.MISSED
    assert desk.look(hours=1) == []
    assert desk.management.writes == []


def test_it_is_seen_as_missed_before_anybody_has_noted_it(desk: Desk) -> None:
    made = desk.schedule()
    assert not made.missed(made.closes - 1)
    assert made.missed(made.closes)


def test_a_plan_that_has_changed_waits_for_a_review(desk: Desk) -> None:
    desk.schedule()
    desk.management.wanted = {**WANTED, "spec.paused": True}
    del desk.management.wanted["spec.size"]
    (told,) = desk.look(days=7)
    assert told.bad
    changed = "new: Cluster org/alpha spec.paused; gone: Cluster org/alpha spec.size"
    assert told.text.endswith(f"waits for a review: the plan is another now: {changed}")
    assert desk.status() is Stage.REVIEW
    assert desk.management.writes == []


def test_a_cluster_that_somebody_has_changed_waits_for_a_review_too(desk: Desk) -> None:
    desk.schedule()
    desk.management.set("spec.version", "v1.29.9")
    (told,) = desk.look(days=7)
    assert told.text.endswith("the plan is another now: values that it found have changed")
    assert desk.management.writes == []


def test_what_somebody_has_done_already_is_done(desk: Desk) -> None:
    desk.schedule()
    for path, value in WANTED.items():
        desk.management.set(path, value)
    (told,) = desk.look(days=7)
    assert told.text.endswith("done: there was nothing left to do")


def test_a_freeze_holds_it_until_it_is_lifted(desk: Desk) -> None:
    desk.schedule()
    freeze = desk.schedules.freeze(Freeze(OPENS - timedelta(days=1), None, "sale"))
    (told,) = desk.look(days=7)
    assert (told.kind, told.text) == (Kind.HELD, "org/alpha from 25.0.0 to 25.1.0: frozen until it is lifted: sale")
    desk.schedules.lift(freeze.id, desk.clock())
    assert kinds(desk.look(minutes=5)) == [Kind.BEGUN, Kind.ENDED]
    with pytest.raises(UsageError, match="no such freeze"):
        desk.schedules.lift(freeze.id, desk.clock())


def test_one_that_a_freeze_held_all_along_was_missed_for_that(desk: Desk) -> None:
    desk.schedule()
    desk.schedules.freeze(Freeze(OPENS, OPENS + timedelta(days=1), "sale", "org/alpha"))
    assert kinds(desk.look(days=7)) == [Kind.HELD]
    (told,) = desk.look(hours=3)
    assert told.text.endswith(
        "was missed: its time passed (Sat 2026-11-28 02:00 CET (01:00 UTC) to "
        "Sat 2026-11-28 05:00 CET (04:00 UTC)): frozen until Sun 2026-11-29 01:00 UTC: sale"
    )
    assert desk.management.writes == []


def test_the_freeze_of_another_cluster_holds_nothing(desk: Desk) -> None:
    desk.schedule()
    desk.schedules.freeze(Freeze(OPENS, None, "sale", "org/beta"))
    assert kinds(desk.look(days=7)) == [Kind.BEGUN, Kind.ENDED]


def test_freezes_are_those_that_hold_or_will(desk: Desk) -> None:
    for days, end in ((0, 1), (5, 6), (9, None)):
        stop = None if end is None else OPENS + timedelta(days=end)
        desk.schedules.freeze(Freeze(OPENS + timedelta(days=days), stop, f"{days}"))
    late = (OPENS + timedelta(days=2)).timestamp()
    assert [freeze.reason for freeze in desk.schedules.freezes(late)] == ["5", "9"]
    window = Window.parse("Sat 02:00-05:00 Europe/Berlin")
    assert next_opening(window, "org/alpha", OPENS, desk.schedules.freezes(desk.clock())).start == OPENS + timedelta(
        days=7
    )


def test_what_may_pass_is_tried_again_while_the_time_lasts(desk: Desk) -> None:
    desk.schedule()
    for _ in range(2):
        desk.management.errors = [TransientError("asking", why="it is away")]
        (told,) = desk.look(days=7) if desk.time < OPENS else desk.look(minutes=5)
        assert (told.kind, told.bad) == (Kind.AGAIN, False)
        assert desk.status() is Stage.SCHEDULED
    assert kinds(desk.look(minutes=5)) == [Kind.BEGUN, Kind.ENDED]
    assert desk.status() is Stage.DONE


def test_what_did_not_pass_in_time_is_told_with_its_cause(desk: Desk) -> None:
    desk.schedule()
    desk.management.errors = [TransientError("asking", why="it is away")]
    desk.look(days=7)
    (told,) = desk.look(hours=3)
    assert desk.status() is Stage.MISSED
    assert "it is away" in told.text
    assert desk.management.writes == []


def test_an_application_that_breaks_off_for_now_goes_on(desk: Desk) -> None:
    desk.schedule()

    def break_off(path: str) -> None:
        if path == "spec.class":
            desk.management.before_write = lambda _: None
            raise TransientError("writing", why="it is away")

    desk.management.before_write = break_off
    assert kinds(desk.look(days=7)) == [Kind.BEGUN, Kind.AGAIN]
    assert desk.management.writes == ["spec.version"]
    assert desk.status() is Stage.UNDER_WAY
    assert kinds(desk.look(minutes=5)) == [Kind.BEGUN, Kind.ENDED]
    assert desk.management.writes == list(WANTED)
    assert desk.status() is Stage.DONE


def test_what_is_left_is_not_gone_on_with_where_somebody_has_changed_it(desk: Desk) -> None:
    desk.schedule()

    def break_off(path: str) -> None:
        if path == "spec.class":
            raise TransientError("writing", why="it is away")

    desk.management.before_write = break_off
    desk.look(days=7)
    desk.management.set("spec.size", 7)
    desk.management.set("spec.class", "aws")
    begun, told = desk.look(minutes=5)
    assert begun.text.endswith("goes on: it was cut short")
    assert told.text.endswith("waits for a review: applying: spec.size has moved")
    assert desk.status() is Stage.REVIEW
    assert desk.management.writes == ["spec.version"]


def test_what_was_interrupted_is_not_gone_on_with_when_its_time_has_passed(desk: Desk) -> None:
    desk.schedule()

    def break_off(_: str) -> None:
        raise TransientError("writing", why="it is away")

    desk.management.before_write = break_off
    desk.look(days=7)
    (told,) = desk.look(hours=3)
    assert told.text.endswith(
        "waits for a review: it was cut short, and its time passed at Sat 2026-11-28 05:00 CET (04:00 UTC): "
        "writing: it is away"
    )
    assert desk.management.writes == []


def test_what_can_not_pass_fails_and_stays_so(desk: Desk) -> None:
    desk.schedule()
    desk.management.before_write = lambda _: (_ for _ in ()).throw(WsDeploymentError("writing", why="forbidden"))
    assert kinds(desk.look(days=7)) == [Kind.BEGUN, Kind.ENDED]
    assert desk.status() is Stage.FAILED
    assert desk.look(minutes=5) == []


def test_a_plan_with_problems_is_not_carried_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.schedule()
    plan = desk.management.replan
    paused = (Problem("Cluster org/alpha", "it is paused"),)
    monkeypatch.setattr(desk.management, "replan", lambda *one: replace(plan(*one), problems=paused))
    (told,) = desk.look(days=7)
    assert told.text.endswith("Cluster org/alpha: it is paused")
    assert desk.status() is Stage.REVIEW


def test_a_cluster_has_one_schedule_until_that_has_ended(desk: Desk) -> None:
    first = desk.schedule()
    with pytest.raises(RefusedError, match="one is scheduled already"):
        desk.schedule()
    cancelled = desk.schedules.cancel("alpha", "not now", desk.clock())
    assert (cancelled.id, cancelled.status) == (first.id, Stage.CANCELLED)
    assert cancelled.outcome.endswith(": not now")
    desk.schedule()
    assert [one.status for one in desk.schedules.all()].count(Stage.SCHEDULED) == 1


def test_what_is_under_way_or_ended_can_not_be_cancelled(desk: Desk) -> None:
    made = desk.schedule()
    desk.schedules.move(made, Stage.UNDER_WAY, desk.clock())
    with pytest.raises(RefusedError, match="it is under way"):
        desk.schedules.cancel(made.id, "", desk.clock())
    with pytest.raises(UsageError, match="nothing is scheduled"):
        desk.schedules.cancel("beta", "", desk.clock())


def test_several_are_scheduled_or_none(desk: Desk) -> None:
    taken, *others = [plan_of(desk.management.fields, name) for name in ("bravo", "alpha", "carol")]
    there = desk.schedules.add(taken, ASKED, desk.clock())
    with pytest.raises(RefusedError, match="org/bravo: one is scheduled already"):
        desk.schedules.add_all([(plan, ASKED) for plan in (others[0], taken, others[1])], desk.clock())
    assert desk.schedules.all() == [there]
    made = desk.schedules.add_all([(plan, ASKED) for plan in others], desk.clock())
    assert [one.cluster for one in made] == ["org/alpha", "org/carol"]
    assert [desk.schedules.plan(one) for one in made] == others


def test_an_upgrade_at_once_clears_the_schedule_of_its_cluster_alone(desk: Desk) -> None:
    desk.schedule()
    other = desk.schedules.add(plan_of(desk.management.fields, "beta"), ASKED, desk.clock())
    with at_once(desk.schedules, desk.held, [plan_of({}, "alpha")], desk.clock) as cleared:
        another = Desk(desk.folder)
        another.time = desk.time
        assert kinds(another.look(days=7)) == [Kind.BUSY, Kind.BEGUN, Kind.ENDED]
        another.close()
    assert [(one.cluster, one.status) for one in cleared] == [("org/alpha", Stage.CLEARED)]
    assert desk.schedules.open() == []
    assert desk.schedules.find(other.id).status is Stage.DONE


def test_an_upgrade_at_once_that_fails_leaves_the_schedule(desk: Desk) -> None:
    made = desk.schedule()
    with (
        pytest.raises(WsDeploymentError, match="broken"),
        at_once(desk.schedules, desk.held, [plan_of({}, "alpha")], desk.clock),
    ):
        raise WsDeploymentError("upgrading", why="broken")
    assert desk.schedules.open() == [made]


def test_an_upgrade_at_once_is_refused_in_a_freeze_and_beside_another(desk: Desk) -> None:
    made = desk.schedule()
    desk.schedules.freeze(Freeze(desk.time, None, "sale"))
    with (
        pytest.raises(RefusedError, match="frozen until it is lifted: sale"),
        at_once(desk.schedules, desk.held, [plan_of({}, "alpha")], desk.clock),
    ):
        pass
    other = Leases(desk.store.engine)
    other.acquire("other", [lease_of(made)])
    with (
        pytest.raises(LockedError, match="locking upgrade org/alpha"),
        at_once(desk.schedules, desk.held, [plan_of({}, "alpha")], desk.clock, despite_freeze=True),
    ):
        pass
    other.close()


def test_one_of_another_management_cluster_is_left_to_who_reaches_it_until_it_is_missed(desk: Desk) -> None:
    desk.schedule()
    desk.management.here = False
    assert kinds(desk.look(days=6, hours=23, minutes=50)) == [Kind.AHEAD]
    assert desk.look(minutes=10) == []
    assert kinds(desk.look(hours=3)) == [Kind.ENDED]
    assert desk.status() is Stage.MISSED


def test_one_that_another_process_is_at_is_left_to_it(desk: Desk) -> None:
    made = desk.schedule()
    other = Leases(desk.store.engine)
    other.acquire("other", [lease_of(made)])
    assert kinds(desk.look(days=7)) == [Kind.BUSY]
    assert desk.status() is Stage.SCHEDULED
    other.close()
    assert kinds(desk.look(minutes=1)) == [Kind.BEGUN, Kind.ENDED]


def test_what_goes_wrong_with_one_keeps_no_other_waiting(desk: Desk) -> None:
    desk.schedule()
    desk.schedules.add(plan_of(desk.management.fields, "beta"), ASKED, desk.clock())
    desk.management.errors = [WsDeploymentError("asking", why="broken")]
    notices = desk.look(days=7)
    assert [(notice.schedule.cluster, notice.schedule.status) for notice in notices if notice.kind is Kind.ENDED] == [
        ("org/alpha", Stage.FAILED),
        ("org/beta", Stage.DONE),
    ]


def test_what_is_due_is_told_without_doing_it(desk: Desk) -> None:
    made = desk.schedule()
    assert due(desk.schedules, desk.clock()) == []
    for seconds in (-made.ahead, 0.0, 9e5):
        assert due(desk.schedules, made.opens + seconds) == [made]
    assert desk.management.writes == []


def test_a_state_of_before_there_were_schedules_gets_their_tables(desk: Desk) -> None:
    with desk.store.engine.begin() as connection:
        for table in ("wsd_schedules", "wsd_freezes"):
            connection.execute(sa.text(f"DROP TABLE {table}"))
    desk.close()
    desk.open()
    assert desk.schedule().status is Stage.SCHEDULED

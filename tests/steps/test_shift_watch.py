from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness.meta_context import MetaContext
from ws_deployment_steps.gate_watch import Look
from ws_deployment_steps.pulse import Pulse
from ws_deployment_steps.shift_watch import Bounds, Watched, watch
from ws_deployment_steps.starts_counted import StartsCounted

from ws_deployment.errors import CancelledError, TransientError
from ws_deployment.interfaces import TurnBackError

WANTED = {"eu17": 50.0, "eu16": 50.0}
BEFORE = {"eu17": 10.0, "eu16": 90.0}


RECORD = {"gate": "g", "cluster": "eu17", "text": "40 % of 100 failed", "query": "sum(failed)", "verdict": "failed"}


class Verdicts:
    """Gates that say one thing after the other, and the last one for ever."""

    def __init__(self, *actions: Any) -> None:
        self.actions = list(actions)

    def look(self) -> Look:
        action = self.actions.pop(0) if len(self.actions) > 1 else self.actions[0]
        if isinstance(action, Look):
            return action
        because = (RECORD,) if action in {"hold", "ask", "rollback"} else ()
        return Look((RECORD,), action, because, 1763716533.0)

    def as_json(self) -> dict[str, Any]:
        return {"known": str(self.actions[0])}


class Context(MetaContext):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, None)
        self.told: list[Mapping[str, Any]] = []
        self.measured: list[Mapping[str, float] | None] = []
        self.asked: list[str] = []
        self.on_the_table: list[str] = []
        self.says_yes = threading.Event()
        self.recall = False

    def gate(self, judged: Mapping[str, Any]) -> None:
        self.told.append(judged)

    def traffic(
        self,
        shares: Mapping[str, float],
        *,
        wanted: Mapping[str, float] | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> None:
        del shares, wanted
        self.measured.append(measured)

    @contextmanager
    def question(self, text: str) -> Iterator[Callable[[], str]]:
        self.asked.append(text)
        self.on_the_table.append(text)
        yield lambda: "anna@desk" if self.says_yes.is_set() else ""
        self.on_the_table.remove(text)

    def recalled(self) -> bool:
        return self.recall


def turn_back(names: Sequence[str], why: str, look_at: str) -> TurnBackError:
    return TurnBackError("watching", on=", ".join(names), why=why, remedy=look_at)


def watched(bounds: Bounds, **more: Any) -> Watched:
    told = {"gates": None, "starts": None, "pulse": Pulse({}, 60.0), "must_measure": False, **more}
    return Watched(bounds=bounds, shares=WANTED, wanted=WANTED, before=BEFORE, turn_back=turn_back, **told)


def counting(*counts: Mapping[str, float]) -> StartsCounted:
    """Counters that stand at 0, then as they are told, at each look one further."""
    left: list[Mapping[str, float]] = [dict.fromkeys(WANTED, 0.0), *counts]
    return StartsCounted(lambda: left.pop(0) if len(left) > 1 else left[0])


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path)


def in_background(context: Context, what: Watched) -> tuple[threading.Thread, list[Any]]:
    done: list[Any] = []

    def run() -> None:
        try:
            done.append(watch(context, what))
        except Exception as error:  # noqa: BLE001  handed to the test
            done.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, done


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_a_stage_is_passed_when_its_time_is_over(context: Context) -> None:
    began = time.monotonic()
    watch(context, watched(Bounds(50, 0.3)))
    assert time.monotonic() - began >= 0.3


def test_the_time_before_a_kill_counts(context: Context) -> None:
    """A watch that was cut off and is gone on with holds for the rest of its time alone."""
    context.began = time.time() - 3599.8
    began = time.monotonic()
    watch(context, watched(Bounds(50, 3600.0)))
    assert 0.1 <= time.monotonic() - began < 30


def test_gates_hold_a_stage_until_they_let_it_go_on(context: Context) -> None:
    outputs = watch(context, watched(Bounds(50, 0.0), gates=Verdicts("", "hold", "goOn")))
    assert outputs["gates"] == {"known": "goOn"}
    assert context.told == [RECORD] * 3
    assert any("gate g of eu17: 40 % of 100 failed" in said for said in context.said)


def test_a_canary_does_not_wait_for_gates_that_few_users_never_make_sure(context: Context) -> None:
    unsure = {**RECORD, "verdict": "inconclusive"}
    for action, because in (("", ()), ("hold", (unsure,))):
        gates = Verdicts(Look((unsure,), action, because, 0.0))
        watch(context, watched(Bounds(10, 0.0, what="the canary", unsure=True), gates=gates))


@pytest.mark.parametrize(("action", "by_metrics"), [("hold", False), ("", True)])
def test_a_canary_waits_for_what_failed_and_where_it_shall(context: Context, action: str, by_metrics: bool) -> None:
    bounds = Bounds(10, 0.0, by_metrics=by_metrics, what="the canary", unsure=not by_metrics)
    thread, done = in_background(context, watched(bounds, gates=Verdicts(action)))
    until(lambda: any(said.startswith("holding at the canary: ") for said in context.said))
    assert not done
    context.cancelled.set()
    thread.join(30)


def test_a_canary_is_turned_back_like_any_stage(context: Context) -> None:
    with pytest.raises(TurnBackError, match="gate g of eu17"):
        watch(context, watched(Bounds(10, 3600.0, what="the canary", unsure=True), gates=Verdicts("rollback")))


def test_a_failed_gate_turns_back_at_once(context: Context) -> None:
    with pytest.raises(TurnBackError, match=r"gate g of eu17: 40 % of 100 failed .at 09:15:33 UTC.") as caught:
        watch(context, watched(Bounds(50, 3600.0), gates=Verdicts("", "rollback")))
    assert caught.value.on == "eu17"
    assert caught.value.remedy == "Asked was: sum(failed)"


def test_a_lost_cluster_turns_back(context: Context) -> None:
    def silent() -> None:
        raise TransientError("asking", why="connection refused")

    with pytest.raises(TurnBackError, match=r"eu17 is lost: it has not answered for .*connection refused"):
        watch(context, watched(Bounds(50, 3600.0), pulse=Pulse({"eu17": silent}, 0.3)))


def test_a_cluster_that_answers_again_is_not_lost(context: Context) -> None:
    calls: list[int] = []

    def now_and_then() -> None:
        calls.append(1)
        if len(calls) % 2:
            raise TransientError("asking", why="connection refused")

    watch(context, watched(Bounds(50, 1.0), pulse=Pulse({"eu17": now_and_then}, 0.9)))
    assert len(calls) > 2


def test_starts_must_fall_as_wanted(context: Context) -> None:
    outputs = watch(
        context,
        watched(
            Bounds(50, 0.0),
            starts=counting({"eu17": 2, "eu16": 2}, {"eu17": 201, "eu16": 199}),
            must_measure=True,
        ),
    )
    assert outputs["measured"] == {"eu17": 50.2, "eu16": 49.8}
    assert any("too few starts yet" in said for said in context.said)


def test_a_bridge_that_ignores_scores_is_found_out(context: Context) -> None:
    what = watched(Bounds(50, 0.0), starts=counting({"eu17": 40, "eu16": 360}), must_measure=True)
    thread, done = in_background(context, what)
    until(lambda: bool(context.asked))
    assert "eu17 10.0 % instead of 50.0 %" in context.asked[0]
    assert not done
    context.says_yes.set()
    thread.join(30)
    assert list(done[0]["approved"].values()) == ["anna@desk"]


def test_a_bridge_that_ignores_scores_turns_back_where_that_is_wanted(context: Context) -> None:
    bounds = Bounds(50, 0.0, misfit="rollback")
    with pytest.raises(TurnBackError, match="starts do not fall as the weights say"):
        watch(context, watched(bounds, starts=counting({"eu17": 40, "eu16": 360}), must_measure=True))


def test_what_cannot_be_counted_holds_where_it_has_to_be(context: Context) -> None:
    def away() -> Mapping[str, float]:
        raise TransientError("asking", why="no route to host")

    thread, done = in_background(context, watched(Bounds(50, 0.0), starts=StartsCounted(away), must_measure=True))
    until(lambda: any("starts are not counted: no route to host" in said for said in context.said))
    context.cancelled.set()
    thread.join(30)
    assert isinstance(done[0], CancelledError)


def test_a_person_is_asked_after_the_hold_while_gates_go_on_judging(context: Context) -> None:
    gates = Verdicts("goOn")
    thread, done = in_background(context, watched(Bounds(50, 0.2, question="Go on?"), gates=gates))
    until(lambda: context.asked == ["Go on?"])
    seen = len(context.told)
    until(lambda: len(context.told) > seen)
    gates.actions.append("rollback")
    thread.join(30)
    assert isinstance(done[0], TurnBackError)


def test_one_question_is_put_at_a_time(context: Context) -> None:
    """A task waits for one thing: a second question would hide the first from those who could answer it."""
    what = watched(Bounds(50, 0.0, question="Go on?"), gates=Verdicts("ask"))
    thread, done = in_background(context, what)
    until(lambda: bool(context.asked))
    time.sleep(0.3)
    assert len(context.asked) == 1
    context.says_yes.set()
    thread.join(30)
    assert len(context.asked) == 2
    assert set(done[0]["approved"].values()) == {"anna@desk"}


def test_a_question_is_withdrawn_when_what_it_is_about_has_passed(context: Context) -> None:
    gates = Verdicts("ask")
    thread, done = in_background(context, watched(Bounds(50, 3600.0), gates=gates))
    until(lambda: bool(context.on_the_table))
    gates.actions.append("goOn")
    until(lambda: not context.on_the_table)
    gates.actions.append("ask")
    until(lambda: len(context.on_the_table) == 1)
    assert len(context.asked) == 2
    context.says_yes.set()
    until(lambda: not context.on_the_table)  # answered, while it still holds for its time
    gates.actions.append("goOn")
    gates.actions.append("ask")
    until(lambda: len(gates.actions) == 1)
    assert not done
    context.cancelled.set()
    thread.join(30)
    assert len(context.asked) == 2  # a yes holds for the rest of the stage


def test_gates_that_never_let_it_pass_ask_a_person_in_time(context: Context) -> None:
    bounds = Bounds(50, 0.0, by_metrics=True, at_most=0.2)
    thread, done = in_background(context, watched(bounds, gates=Verdicts("")))
    until(lambda: bool(context.asked))
    assert "have not let 50 % pass" in context.asked[0]
    assert not done
    context.cancelled.set()
    thread.join(30)


def test_a_recalled_run_turns_back(context: Context) -> None:
    context.recall = True
    with pytest.raises(TurnBackError, match="another part of the run turned bad"):
        watch(context, watched(Bounds(50, 3600.0)))

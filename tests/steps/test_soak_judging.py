"""Gates that judge the new clusters while old ones wait for their retirement: what they let happen, and what not."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.prometheus import PrometheusDouble, error, prometheus, vector
from harness.cluster_context import a_cluster
from harness.retire_context import RetireContext, World
from ws_deployment_steps.gate_watch import GateWatch
from ws_deployment_steps.retire_cluster import RetireCluster, RetireParameters

from ws_deployment.clients.prometheus import PrometheusClient
from ws_deployment.config.gates import Gate
from ws_deployment.errors import CancelledError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import Decision, Registration, SubTask, TurnBackError

NEW = a_cluster("memory", governed_by=(Governance("meta"),))
PENDING = {"name": "waiting", "query": 'waiting{cluster="{{cluster}}"}', "failWhen": "> 50", "interval": 1}
CLUSTER = re.compile(r'cluster="(\w+)"')


@pytest.fixture
def metrics() -> Iterator[PrometheusDouble]:
    with prometheus(lambda _query: vector(({}, 3.0))) as running:
        yield running


@pytest.fixture
def context(tmp_path: Path, metrics: PrometheusDouble) -> RetireContext:
    """After a shift from eu16 to eu17."""
    world = World()
    world.registrations["meta"] = [
        Registration("eu16", 0, available=False, url="https://eu16"),
        Registration("eu17", 50, available=True, url="https://eu17"),
    ]
    made = RetireContext(tmp_path, world, (NEW,))
    made.made("gp-stag-ws-eu16-eu-west1")
    made.made(NEW.name)
    made.earlier["traffic-shift"] = {"old": ["eu16"]}
    made.asks_prometheus(metrics.url)
    return made


def retiring(*gates: Any, **more: Any) -> RetireCluster:
    told = {"soak": 0, "gates": list(gates), "clusterLabel": "{name}", **more}
    return RetireCluster(RetireParameters.model_validate(told))


def soak(retire: RetireCluster, context: RetireContext) -> SubTask:
    first = retire.plan(context).subtasks[0]
    assert first.name == "soak"
    return first


def in_background(retire: RetireCluster, context: RetireContext) -> tuple[threading.Thread, list[Any]]:
    done: list[Any] = []
    its = soak(retire, context)

    def run() -> None:
        try:
            done.append(retire.run(context, its))
        except Exception as caught:  # noqa: BLE001  handed to the test
            done.append(caught)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, done


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_plan_names_who_judges_and_waits_for_both_in_one(context: RetireContext) -> None:
    plan = retiring(PENDING, soak="2h", approval=True).plan(context)
    assert [subtask.name for subtask in plan.subtasks][:2] == ["soak", "eu16/cordon"]
    assert plan.subtasks[0].watches
    assert plan.subtasks[0].summary == (
        "wait 2h00m before eu16 may go, judged by waiting, and until a person approves: Retire eu16 for good?"
    )
    context.earlier.clear()
    context.dry_run = True
    context.world.registrations["meta"][0] = Registration("eu16", 50, available=True)
    assert retiring(PENDING, soak="2h").plan(context).summary == "after 2h00m, judged by waiting, retire eu16"


def test_good_verdicts_let_them_go_and_the_soak_goes_on_over_a_kill(
    context: RetireContext, metrics: PrometheusDouble
) -> None:
    retire = retiring(PENDING, soak=3600)
    context.began = time.time() - 3599.5
    outputs = retire.run(context, soak(retire, context))
    assert outputs
    assert outputs["approved"] == {}
    assert metrics.queries[0] == 'waiting{cluster="eu17"}'
    assert context.splits == [{"eu17": 100.0}]


@pytest.mark.parametrize(
    ("more", "whole_run"), [({}, True), ({"turnBack": "task"}, False), ({"clusters": ["eu16"]}, False)]
)
def test_a_failed_gate_keeps_them(
    context: RetireContext, metrics: PrometheusDouble, more: dict[str, Any], *, whole_run: bool
) -> None:
    metrics.answer = lambda _query: vector(({}, 99.0))
    retire = retiring({**PENDING, "limits": {"failed": 1}}, soak=3600, **more)
    with pytest.raises(TurnBackError, match=r"eu16 stays: gate waiting of eu17: .*99") as caught:
        retire.run(context, soak(retire, context))
    assert caught.value.whole_run is whole_run
    assert caught.value.parts == frozenset()
    assert "Asked was: waiting" in caught.value.remedy
    assert context.world.done == []


def test_a_failed_gate_may_ask_a_person_while_it_looks_on(context: RetireContext, metrics: PrometheusDouble) -> None:
    metrics.answer = lambda _query: vector(({}, 99.0))
    thread, done = in_background(retiring({**PENDING, "onFailed": "ask"}), context)
    until(lambda: context.world.asked)
    assert "gate waiting of eu17" in context.world.asked[0]
    assert not done
    context.world.answer = lambda: "anna@desk"
    thread.join(30)
    assert list(done[0]["approved"].values()) == ["anna@desk"]


def test_no_data_keeps_them_and_it_stops_when_asked_to(context: RetireContext, metrics: PrometheusDouble) -> None:
    metrics.answer = lambda _query: vector()
    thread, done = in_background(retiring(PENDING), context)
    until(lambda: any("holding at the soak before eu16 may go" in said for said in context.said))
    time.sleep(1.2)
    assert not done
    context.cancelled.set()
    thread.join(30)
    assert isinstance(done[0], CancelledError)


def test_a_run_that_is_taken_back_retires_nothing(context: RetireContext) -> None:
    retire = retiring(PENDING)
    plan = retire.plan(context)
    context.world.recalled = True
    for subtask in plan.subtasks:
        with pytest.raises(TurnBackError, match="another part of the run turned bad"):
            retire.run(context, subtask)
    assert context.world.done == []


class Counters:
    """Starts and failures by cluster, as queries of the ready-made gate see them."""

    def __init__(self) -> None:
        self.all = {"eu16": 0, "eu17": 0}
        self.bad = {"eu16": 0, "eu17": 0}

    def add(self, name: str, starts: int, failed: int) -> None:
        self.all[name] += starts
        self.bad[name] += failed

    def answer(self, query: str) -> tuple[int, Any]:
        found = CLUSTER.search(query)
        assert found, query
        return vector(({}, (self.bad if "failure" in query else self.all)[found[1]]))


def handed_on(counters: Counters, url: str) -> dict[str, Any]:
    """What a shift hands on whose comparison was sure that the new cluster is good."""
    clock = [0.0]
    with PrometheusClient(url) as client:
        names = {"eu17": "eu17"}, {"eu16": "eu16"}
        gates = [Gate(ready="start-failures")]
        watch = GateWatch(gates, client, new=names[0], old=names[1], patience=30, clock=lambda: clock[0])
        for _ in range(40):
            watch.look()
            clock[0] += 10
            counters.add("eu16", 100, 5)
            counters.add("eu17", 100, 5)
        assert watch.look().action == "goOn"
        return watch.as_json()


def test_a_comparison_goes_on_from_what_the_shift_knew(context: RetireContext, metrics: PrometheusDouble) -> None:
    counters = Counters()
    metrics.answer = counters.answer
    context.earlier["traffic-shift"] = {"old": ["eu16"], "gates": handed_on(counters, metrics.url)}
    retire = retiring("start-failures")
    assert "does not judge" not in retire.plan(context).diff
    counters.add("eu17", 300, 15)
    assert retire.run(context, soak(retire, context))
    counters.add("eu17", 400, 160)
    with pytest.raises(TurnBackError, match="gate start-failures of eu17"):
        retire.run(context, soak(retire, context))


def test_a_comparison_of_which_nothing_is_known_is_left_out_and_said_so(
    context: RetireContext, metrics: PrometheusDouble
) -> None:
    retire = retiring("start-failures", PENDING)
    told = "gate start-failures does not judge: nothing is known of the old clusters' starts by it"
    assert told in retire.plan(context).diff
    assert retire.run(context, soak(retire, context))
    assert metrics.queries == ['waiting{cluster="eu17"}']


def checked(retire: RetireCluster, context: RetireContext) -> Any:
    return next(check for check in retire.pre_runs() if check.name == "gates").check(context)


def test_gates_that_can_not_be_asked_are_a_refusal(context: RetireContext, metrics: PrometheusDouble) -> None:
    assert checked(retiring(PENDING), context).decision is Decision.PROCEED
    metrics.answer = lambda _query: error(400, "bad_data", "parse error")
    assert checked(retiring(PENDING), context).decision is Decision.REFUSE
    context.earlier.clear()
    assert checked(retiring(PENDING), context).decision is Decision.DEFERRED
    context.earlier["traffic-shift"] = {"old": ["eu16"]}
    assert "none is known of meta" in checked(retiring(PENDING), context.at("meta")).reason


def test_of_named_clusters_those_are_judged_that_take_their_starts(
    context: RetireContext, metrics: PrometheusDouble
) -> None:
    context.world.registrations["meta"] += [
        Registration("eu15", 0, available=True),
        Registration("eu18", 20, available=True),
        Registration("us3", 50, available=True),
    ]
    retire = retiring(PENDING, clusters=["eu16"])
    assert retire.run(context, soak(retire, context))
    assert {CLUSTER.findall(query)[0] for query in metrics.queries} == {"eu17", "eu18"}

"""The watch over gates: what it asks, how it judges, what it asks for; test_gates_real.py asks a Prometheus."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ws_deployment_steps.gate_watch import GateWatch, Look
from ws_deployment_steps.starts_asked import StartsAsked

from ws_deployment.clients.prometheus import PrometheusUnavailableError, QueryError, Sample
from ws_deployment.config.gates import Gate
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Decision

NEW, OLD = {"eu17": "production-eu17"}, {"eu15": "production-eu15", "eu16": "production-eu16"}
CLUSTER = re.compile(r'cluster="production-(\w+)"')
KEYS = {
    "gate", "cluster", "stage", "verdict", "value", "baseline", "samples", "text", "query", "successWhen", "failWhen",
    "dryRun", "counts", "action",
}  # fmt: skip


class World:
    """Clusters with counters, a clock, and answers to queries; `broken` answers what it is made to."""

    def __init__(self) -> None:
        self.timeout = 0.4
        self.time = 100.0
        self.asked: list[str] = []
        self.bad: dict[str, float] = {}
        self.all: dict[str, float] = {}
        self.values: dict[str, float | None] = {}
        self.broken: dict[str, Callable[[], tuple[Sample, ...]]] = {}
        self.rng = random.Random(1)

    def query(self, promql: str) -> tuple[Sample, ...]:
        self.asked.append(promql)
        for part, answer in self.broken.items():
            if part in promql:
                return answer()
        found = CLUSTER.search(promql)
        name = found[1] if found else ""
        if "increase(" in promql:
            return (Sample({}, 120.0 * (0.05 if "failure" in promql else 1), 0),)
        if "starts_total{cluster=~" in promql:
            return tuple(Sample({"cluster": f"production-{one}"}, value, 0) for one, value in self.all.items())
        if "starts_failure_total" in promql:
            return (Sample({"type": "Regular"}, self.bad.get(name, 0.0), 0),) if name in self.all else ()
        if "starts_total" in promql:
            return (Sample({"type": "Regular"}, self.all[name], 0),) if name in self.all else ()
        value = self.values.get(name)
        return () if value is None else (Sample({}, value, 0),)

    def starts(self, counts: dict[str, int], ratios: dict[str, float]) -> None:
        for name, count in counts.items():
            self.all[name] = self.all.get(name, 0.0) + count
            failed = sum(self.rng.random() < ratios.get(name, 0.05) for _ in range(count))
            self.bad[name] = self.bad.get(name, 0.0) + failed

    def watch(self, *gates: Any, new: dict[str, str] = NEW, old: dict[str, str] = OLD) -> GateWatch:
        made = [Gate.model_validate(gate) for gate in gates]
        return GateWatch(made, self, new=new, old=old, patience=5.0, clock=lambda: self.time, now=lambda: 7.0)


@pytest.fixture
def world() -> World:
    made = World()
    made.all = {"eu15": 1000.0, "eu16": 2000.0, "eu17": 3.0}
    return made


def value_gate(name: str = "waiting", **changed: Any) -> dict[str, Any]:
    query = f'{name}{{cluster="{{{{cluster}}}}"}}'
    return {"name": name, "query": query, "successWhen": "<= 20", "failWhen": "> 50", **changed}


def looked(world: World, watch: GateWatch, seconds: float = 10.0) -> Look:
    world.time += seconds
    return watch.look()


def test_a_sick_cluster_is_named_with_its_numbers(world: World) -> None:
    watch = world.watch("start-failures")
    watch.begin_stage(10)
    look = watch.look()
    assert (look.action, look.because) == ("", ())
    for _ in range(40):
        world.starts({"eu15": 15, "eu16": 30, "eu17": 5}, {"eu17": 0.4})
        look = looked(world, watch)
        if look.action:
            break
    assert look.action == "rollback"
    assert look.clusters == ("eu17",)
    (record,) = look.because
    assert set(record) == KEYS
    assert record["gate"] == "start-failures"
    assert (record["stage"], record["verdict"], record["counts"]["failed"]) == (10, "failed", 1)
    assert record["value"] > 3 * record["baseline"]
    assert record["samples"] >= 50
    assert "production-eu17" in record["query"]
    assert look.at == 7.0
    json.dumps(record)


def test_starts_between_the_stock_taking_and_the_first_look_count(world: World) -> None:
    del world.all["eu17"]  # nobody has started anything on it
    first = world.watch("start-failures", value_gate())
    first.take_stock({"eu17"})
    world.starts({"eu15": 30, "eu16": 60, "eu17": 100}, {"eu17": 0.5})
    watch = world.watch("start-failures", value_gate())  # another process, some time later
    watch.from_json(json.loads(json.dumps(first.as_json())))
    watch.begin_stage(10)
    look = watch.look()
    (record,) = [record for record in look.records if record["gate"] == "start-failures"]
    assert (record["samples"], record["counts"]["failed"]) == (100, 1)
    assert look.action == "rollback"


def test_what_a_cluster_counted_before_the_stock_taking_does_not_count(world: World) -> None:
    watch = world.watch("start-failures")
    watch.take_stock({"eu17"})
    world.starts({"eu15": 50, "eu16": 50, "eu17": 60}, {})
    assert watch.look().records[0]["samples"] == 60
    unseen = world.watch("start-failures", new={"eu19": "production-eu19"})
    unseen.take_stock(())  # it was there before the run, and only Prometheus did not see it yet
    world.starts({"eu19": 500}, {"eu19": 0.9})
    assert unseen.look().action == ""


def test_a_stock_that_can_not_be_taken_is_taken_at_the_first_look(world: World) -> None:
    def away() -> Any:
        raise PrometheusUnavailableError("asking Prometheus at", on="http://x", why="connection refused")

    world.broken = {"starts": away}
    watch = world.watch("start-failures")
    watch.take_stock({"eu17"})
    world.broken = {}
    world.starts({"eu17": 500}, {"eu17": 0.9})
    assert watch.look().action == ""
    world.starts({"eu15": 50, "eu16": 50, "eu17": 60}, {"eu17": 0.9})
    assert looked(world, watch).action == "rollback"


def test_a_healthy_cluster_goes_on_when_it_is_sure_and_not_before(world: World) -> None:
    watch = world.watch("start-failures")
    watch.begin_stage(50)
    assert watch.look().action == ""
    actions = []
    for _ in range(60):
        world.starts({"eu15": 15, "eu16": 15, "eu17": 30}, {})
        actions.append(looked(world, watch).action)
    assert actions[0] == ""
    assert actions[-1] == "goOn"
    assert set(actions) <= {"", "goOn", "hold"}


def test_each_gate_is_asked_at_its_own_interval_and_each_query_once(world: World) -> None:
    world.values = {"eu17": 1.0}
    quick, slow = value_gate("quick", interval=10), value_gate("slow", interval=60)
    watch = world.watch(quick, slow, value_gate("twin", interval=10, query='quick{cluster="{{cluster}}"}'))
    assert [record["gate"] for record in watch.look().records] == ["quick", "slow", "twin"]
    assert sorted(query.split("{")[0] for query in world.asked) == ["quick", "slow"]
    assert watch.wait() == 10
    assert looked(world, watch, 9).records == ()
    assert [record["gate"] for record in looked(world, watch, 1).records] == ["quick", "twin"]
    assert [record["gate"] for record in looked(world, watch, 50).records] == ["quick", "slow", "twin"]


def test_every_new_cluster_is_judged_and_one_can_leave(world: World) -> None:
    world.values = {"eu17": 1.0, "us5": 99.0}
    watch = world.watch(value_gate(), new={**NEW, "us5": "production-us5"})
    look = watch.look()
    assert {record["cluster"]: record["verdict"] for record in look.records} == {"eu17": "success", "us5": "failed"}
    assert (look.action, look.clusters) == ("rollback", ("us5",))
    watch.leave("us5")
    look = looked(world, watch)
    assert [record["cluster"] for record in look.records] == ["eu17"]
    assert look.action == "goOn"


@pytest.mark.parametrize("answer", [(), (Sample({}, float("nan"), 0),), (Sample({}, 1, 0), Sample({}, 2, 0))])
def test_what_is_no_number_is_never_good(world: World, answer: tuple[Sample, ...]) -> None:
    watch = world.watch(value_gate(limits={"error": 3}))
    world.broken = {"waiting": lambda: answer}
    actions = [looked(world, watch).action for _ in range(4)]
    assert actions == ["", "", "hold", "hold"]


def test_a_prometheus_that_is_away_holds_and_what_was_counted_meanwhile_is_not_lost(world: World) -> None:
    def away() -> Any:
        raise PrometheusUnavailableError("asking Prometheus at", on="http://x", why="connection refused")

    watch = world.watch("start-failures")
    watch.look()
    world.broken = {"starts": away}
    words = []
    for _ in range(12):
        world.starts({"eu15": 50, "eu16": 50, "eu17": 100}, {"eu17": 0.5})
        look = looked(world, watch)
        words.append((look.records[0]["verdict"], look.action))
    assert words[0] == ("error", "")
    assert words[-1] == ("error", "hold")
    assert "connection refused" in look.because[0]["text"]
    world.broken = {}
    look = looked(world, watch)
    assert look.action == "rollback"
    assert look.because[0]["samples"] == 1200


def test_one_that_does_not_answer_holds_no_other_up(world: World) -> None:
    world.values = {"eu17": 99.0}
    stuck = threading.Event()

    def never() -> Any:
        stuck.wait(30)
        return ()

    world.broken = {"slow": never}
    gates = [Gate.model_validate(value_gate(name)) for name in ("quick", "slow")]
    watch = GateWatch(gates, world, new=NEW, old=OLD, patience=0.05, now=lambda: 7.0)
    try:
        began = time.monotonic()
        look = watch.look()
        assert time.monotonic() - began < world.timeout
        assert [record["gate"] for record in look.records] == ["quick"]
        assert look.action == "rollback"
        assert 0 < watch.wait() <= 0.25
        while not look.records or look.records[0]["gate"] != "slow":
            assert time.monotonic() - began < 10
            time.sleep(0.02)
            look = watch.look()
        assert look.records[0]["verdict"] == "error"
        assert look.records[0]["text"] == "no answer in time"
    finally:
        stuck.set()


def test_an_error_of_our_own_is_a_verdict_too(world: World) -> None:
    def breaks() -> Any:
        raise ZeroDivisionError("oops")

    watch = world.watch(value_gate())
    world.broken = {"waiting": breaks}
    (record,) = watch.look().records
    assert (record["verdict"], record["text"]) == ("error", "ZeroDivisionError: oops")


def test_a_gate_that_only_tells_leads_to_nothing(world: World) -> None:
    world.values = {"eu17": 99.0}
    watch = world.watch(value_gate(dryRun=True))
    look = watch.look()
    (record,) = look.records
    assert (record["verdict"], record["action"], record["dryRun"]) == ("failed", "", True)
    assert (look.action, look.because) == ("goOn", ())


def test_the_strongest_of_all_gates_is_asked_for_until_the_next_stage(world: World) -> None:
    world.values = {"eu17": 99.0}
    watch = world.watch(
        value_gate("a", onFailed="goOn"), value_gate("b", onFailed="ask"), value_gate("c", onFailed="hold")
    )
    watch.begin_stage(10)
    look = watch.look()
    assert (look.action, [record["gate"] for record in look.because]) == ("ask", ["b"])
    world.values = {"eu17": 1.0}
    assert looked(world, watch).action == "ask"  # failures count in all
    watch.begin_stage(50)
    look = watch.look()
    assert look.action == "goOn"
    assert {record["stage"] for record in look.records} == {50}


def test_without_gates_nobody_objects(world: World) -> None:
    watch = world.watch()
    assert watch.look().action == "goOn"
    assert watch.check().decision is Decision.PROCEED


def test_another_process_goes_on(world: World) -> None:
    watch = world.watch("start-failures", value_gate())
    world.values = {"eu17": 30.0}
    watch.begin_stage(50)
    watch.look()
    for _ in range(3):
        world.starts({"eu15": 10, "eu16": 10, "eu17": 20}, {})
        first = looked(world, watch)
    told = json.loads(json.dumps(watch.as_json()))
    world.starts({"eu15": 10, "eu16": 10, "eu17": 20}, {})  # while nobody looks
    again = world.watch("start-failures", value_gate())
    again.from_json(told)
    look = again.look()
    by_gate = {record["gate"]: record for record in look.records}
    assert by_gate["start-failures"]["samples"] == 80
    assert by_gate["waiting"]["counts"]["inconclusive"] == 5
    assert by_gate["waiting"]["stage"] == 50
    assert len(first.records) == 2


def test_what_another_shift_kept_does_not_matter(world: World) -> None:
    told = world.watch("start-failures", new={"us5": "production-us5"}).as_json()
    watch = world.watch(value_gate(), "start-failures")
    watch.from_json(told)
    assert {record["cluster"] for record in watch.look().records} == {"eu17"}
    for odd in ({}, {"gates": {"waiting": {"tallies": {"eu17": {"colour": 1}}, "evidence": {}, "counts": {}}}}):
        watch.from_json(odd)
        assert looked(world, watch).action == ""


def test_before_any_traffic_moves_every_query_has_series_for_an_old_cluster(world: World) -> None:
    world.values = {"eu15": 1.0}
    assert world.watch("start-failures", value_gate()).check().decision is Decision.PROCEED
    world.values = {}
    verdict = world.watch("start-failures", value_gate()).check()
    assert verdict.decision is Decision.REFUSE
    assert "gate `waiting`: no series for the old clusters (eu15, eu16)" in verdict.reason
    assert 'waiting{cluster="production-eu15"}' in verdict.reason
    assert "start-failures" not in verdict.reason
    assert "dryRun" in verdict.remedy


def test_a_query_that_cannot_be_read_is_a_refusal_with_the_place(world: World) -> None:
    def refuse() -> Any:
        raise QueryError("asking Prometheus for", on="waiting{", why="1:9: parse error: unexpected end of input")

    world.broken = {"waiting": refuse}
    verdict = world.watch(value_gate()).check()
    assert verdict.decision is Decision.REFUSE
    assert "1:9: parse error" in verdict.reason
    verdict = world.watch(value_gate(dryRun=True)).check()
    assert verdict.decision is Decision.PROCEED
    assert "1:9: parse error" in verdict.reason


def test_without_old_clusters_queries_are_read_only(world: World) -> None:
    assert world.watch(value_gate(), old={}).check().decision is Decision.PROCEED
    assert world.asked == ['waiting{cluster="production-eu17"}']


def test_a_prometheus_that_is_away_is_no_refusal_of_a_query(world: World) -> None:
    def away() -> Any:
        raise PrometheusUnavailableError("asking Prometheus at", on="http://x", why="connection refused")

    world.broken = {"waiting": away}
    with pytest.raises(PrometheusUnavailableError):
        world.watch(value_gate()).check()


def test_a_label_that_cannot_stand_in_a_query_is_told(world: World) -> None:
    with pytest.raises(WsDeploymentError, match="can't stand in a query"):
        world.watch(value_gate(), old={"odd": 'a"b'}).check()


def test_the_plan_can_say_how_long_it_will_take(world: World) -> None:
    """120 starts an hour on each of two old clusters: 4 a minute, a twentieth of which fail."""
    told = world.watch("start-failures", value_gate()).foresee(10)
    assert list(told) == ["start-failures"]
    assert re.fullmatch(r"inconclusive for about 6 h at 4 starts a minute", told["start-failures"])
    world.broken = {"increase": tuple}
    assert world.watch("start-failures").foresee(10) == {}


def test_starts_are_counted_since_the_first_look(world: World) -> None:
    asked = StartsAsked(world, {**NEW, **OLD, "eu18": "production-eu18"})
    assert asked.look() == {"eu17": 0, "eu15": 0, "eu16": 0, "eu18": 0}
    assert 'starts_total{cluster=~"production-eu17|production-eu15|production-eu16|production-eu18"}' in world.asked[0]
    world.all = {"eu15": 1010.0, "eu16": 5.0, "eu17": 4.0, "eu18": 2.0, "us1": 900.0}
    assert asked.look() == {"eu17": 1, "eu15": 10, "eu16": 5, "eu18": 2}
    assert asked.look() == {"eu17": 1, "eu15": 10, "eu16": 5, "eu18": 2}

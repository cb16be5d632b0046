"""The way back to recorded weights, for whatever the weights are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ws_deployment.engine.meta_memory import Weight
from ws_deployment.engine.weights_back import way_back
from ws_deployment.interfaces import Registration
from ws_deployment.traffic.restore import applied

NAMES = ("eu1", "eu2", "eu3", "us1")


def weight(name: str, score: int, *, cordoned: bool = False, url: str = "") -> Weight:
    return Weight(name, score, 100, cordoned, static=False, url=url)


def registered(name: str, score: int, *, available: bool = True, static: bool = False, url: str = "") -> Registration:
    return Registration(name, score, available, url=url, static=static)


SCORES = st.one_of(st.just(0), st.integers(0, 100))
NOW = st.lists(
    st.builds(Registration, st.sampled_from(NAMES), SCORES, st.booleans(), static=st.booleans()),
    unique_by=lambda each: each.name,
)
STATIC = st.just(value=False)
BEFORE = st.lists(
    st.builds(Weight, st.sampled_from(NAMES), SCORES, st.just(100), st.booleans(), STATIC, st.just("")),
    unique_by=lambda each: each.name,
)


@given(BEFORE, NOW, st.sets(st.sampled_from(NAMES)))
@settings(max_examples=150, deadline=None)
def test_every_write_leaves_starts_a_home(before: list[Weight], now: list[Registration], made: set[str]) -> None:
    way = way_back(before, now, made=made)
    world = {each.name: each for each in now}
    if way.refusals:
        return
    began_with_a_home = any(each.effective for each in now)
    for write in way.writes:
        assert not world[write.cluster].static
        world = applied(world, write)
        assert any(each.effective for each in world.values()) or not began_with_a_home
    assert world == dict(way.target)
    assert any(each.effective for each in world.values())
    for each in before:
        if each.name in world and not world[each.name].static:
            assert (world[each.name].score, world[each.name].available) == (each.score, not each.cordoned)
    assert way_back(before, list(world.values()), made=made).writes == ()


@given(BEFORE, NOW)
@settings(max_examples=80, deadline=None)
def test_a_way_that_was_cut_off_can_be_gone_on_with(before: list[Weight], now: list[Registration]) -> None:
    way = way_back(before, now)
    world = {each.name: each for each in now}
    for count in range(len(way.writes)):
        again = way_back(before, list(world.values()))
        assert again.target == way.target
        assert len(again.writes) <= len(way.writes) - count
        world = applied(world, way.writes[count])


def test_the_order_of_a_return() -> None:
    before = [weight("eu1", 50), weight("us1", 50)]
    now = [registered("eu1", 0, available=False), registered("eu2", 50), registered("us1", 50)]
    way = way_back(before, now, made=["eu2"])
    assert [str(write) for write in way.writes] == ["score eu1 = 50", "uncordon eu1", "cordon eu2"]
    assert way.shares == {"eu1": 50, "eu2": 0, "us1": 50}
    assert (way.refusals, way.notes) == ((), ())


def test_what_stands_against_it() -> None:
    before = [weight("eu1", 50, url="https://a"), weight("eu2", 50), weight("eu3", 7), weight("us1", 0, cordoned=True)]
    now = [registered("eu1", 50, url="https://b"), registered("eu3", 7)]
    assert way_back(before, now, gone=["eu3"]).refusals == (
        "eu1 took starts at https://a; that name is another cluster's now, at https://b",
        "eu2 took starts and is registered no more",
        "eu3 took starts and its cluster is gone, although it is registered",
    )
    assert way_back(before[3:], [registered("eu1", 0)]).refusals == ("no cluster would take starts afterwards",)


def test_what_stays_as_it_is_is_told() -> None:
    before = [weight("eu1", 50), weight("eu2", 9), weight("eu3", 0, cordoned=True), weight("us1", 5, url="https://a")]
    now = [
        registered("eu1", 50),
        registered("eu2", 50, static=True),
        registered("us2", 30),
        replace(registered("us1", 5, url="https://a"), max_score=3),
    ]
    assert way_back(before, now).notes == (
        "eu2 is static: the bridge's own configuration decides its weight",
        "eu3 is registered no more; it took no starts",
        "us1 had a maximum score of 100, and has 3",
        "us2 is not in the record and stays as it is",
    )

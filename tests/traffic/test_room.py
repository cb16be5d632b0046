from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.traffic.room import Need, NodeRoom, mean, to_come, without_room

AMOUNTS = st.integers(0, 6).map(Fraction)
KINDS = st.sampled_from([frozenset({"regular"}), frozenset({"headless"}), frozenset({"regular", "headless"})])
NODES = st.lists(st.builds(NodeRoom, KINDS, st.fixed_dictionaries({"cpu": AMOUNTS, "pods": AMOUNTS})), max_size=3)
EACH = st.fixed_dictionaries({"cpu": st.integers(0, 3).map(Fraction), "pods": st.just(Fraction(1))})
NEEDS = st.dictionaries(st.sampled_from(["regular", "headless"]), st.builds(Need, st.integers(0, 4), EACH))


def fits(nodes: Sequence[NodeRoom], needs: Mapping[str, Need]) -> bool:
    """Whether all workspaces can be put somewhere, by trying everything."""
    pods = [kind for kind, need in needs.items() for _ in range(need.count)]
    for places in itertools.product(range(len(nodes)), repeat=len(pods)):
        used = [dict(node.free) for node in nodes]
        for kind, place in zip(pods, places, strict=True):
            for name, amount in needs[kind].each.items():
                used[place][name] -= amount
        allowed = all(kind in nodes[place].kinds for kind, place in zip(pods, places, strict=True))
        if allowed and all(amount >= 0 for node in used for amount in node.values()):
            return True
    return not pods


@given(nodes=NODES, needs=NEEDS)
def test_room_is_found_only_where_there_is_some(nodes: list[NodeRoom], needs: dict[str, Need]) -> None:
    missing = without_room(nodes, needs)
    assert all(0 < count <= needs[kind].count for kind, count in missing.items())
    if not missing:
        assert fits(nodes, needs)
    if len(needs) == 1 and missing:
        assert not fits(nodes, needs)


@given(nodes=NODES, more=NODES, needs=NEEDS)
def test_a_further_node_leaves_no_more_kinds_without_room(
    nodes: list[NodeRoom], more: list[NodeRoom], needs: dict[str, Need]
) -> None:
    if not without_room(nodes, needs):
        assert not without_room([*nodes, *more], needs)


def test_what_fits_elsewhere_does_not_take_the_room_of_others() -> None:
    pod = {"pods": Fraction(1)}
    both = NodeRoom(frozenset({"regular", "headless"}), {"pods": Fraction(2)})
    regular = NodeRoom(frozenset({"regular"}), {"pods": Fraction(2)})
    assert without_room([both, regular], {"regular": Need(2, pod), "headless": Need(2, pod)}) == {}
    assert without_room([both], {"regular": Need(2, pod), "headless": Need(1, pod)}) != {}


def test_a_workspace_that_fits_on_no_single_node_has_no_room() -> None:
    half = NodeRoom(frozenset({"regular"}), {"cpu": Fraction(2)})
    assert without_room([half, half], {"regular": Need(1, {"cpu": Fraction(3)})}) == {"regular": 1}


@pytest.mark.parametrize(
    ("total", "share", "times", "there", "wanted"),
    [(200, 10, 1.0, 0, 20), (200, 10, 1.2, 4, 20), (7, 50, 1.0, 0, 4), (7, 50, 1.0, 9, 0), (0, 100, 3.0, 0, 0)],
)
def test_a_share_of_the_starts_becomes_that_share_of_the_workspaces(
    total: int, share: float, times: float, there: int, wanted: int
) -> None:
    assert to_come(total, share, times, there) == wanted


def test_workspaces_are_taken_to_be_alike() -> None:
    large, small = {"cpu": Fraction(3), "memory": Fraction(8)}, {"cpu": Fraction(1)}
    assert mean([large, small]) == {"cpu": 2, "memory": 4}
    assert mean([]) == {}

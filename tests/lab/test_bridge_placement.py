"""Placement draws in proportion to clamped scores, and has each generation's edge cases."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.clients.bridge.model import Api
from ws_deployment.lab.bridge.placement import NoClusterError, candidates, choose
from ws_deployment.lab.bridge.store import Cluster

#: Chi-square quantiles at alpha 0.001, by degrees of freedom.
CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47}


def cluster(name: str, score: int, max_score: int = 100, *, cordoned: bool = False) -> Cluster:
    return Cluster(name, f"https://{name}", cordoned=cordoned, score=score, max_score=max_score)


@given(st.lists(st.integers(1, 250), min_size=2, max_size=5), st.integers(0, 2**32))
def test_shares_follow_clamped_scores(scores: list[int], seed: int) -> None:
    clusters = [cluster(f"c{index}", score) for index, score in enumerate(scores)]
    draw = random.Random(seed)
    drawn = Counter(choose(clusters, draw).name for _ in range(2_000))
    weights = {each.name: min(each.score, 100) for each in clusters}
    expected = {name: 2_000 * weight / sum(weights.values()) for name, weight in weights.items()}
    chi_square = sum((drawn[name] - count) ** 2 / count for name, count in expected.items())
    # Hypothesis tries a hundred samples, so the quantile for one is widened.
    assert chi_square < 3 * CRITICAL[len(scores) - 1]


def test_a_cordoned_cluster_takes_nothing() -> None:
    clusters = [cluster("old", 50, cordoned=True), cluster("new", 1)]
    assert [each.name for each in candidates(clusters, Api.Y2026)] == ["new"]


def test_zero_scores_take_starts_only_at_the_older_server() -> None:
    clusters = [cluster("a", 0), cluster("b", 0)]
    assert candidates(clusters, Api.Y2026) == []
    assert choose(candidates(clusters, Api.Y2021), random.Random(1)).name == "b"


def test_constraints_keep_ordinary_users_out() -> None:
    limited = Cluster("new", "https://new", cordoned=False, score=100, constraints=(("permission", "admin"),))
    assert candidates([limited], Api.Y2026) == []
    assert candidates([limited], Api.Y2026, frozenset({("permission", "admin")})) == [limited]


def test_none_to_choose_from() -> None:
    with pytest.raises(NoClusterError):
        choose([], random.Random(1))

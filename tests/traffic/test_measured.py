from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.traffic.measured import _bound, _chance, fit

BEFORE, WANTED = {"old": 100.0, "new": 0.0}, {"old": 90.0, "new": 10.0}


def placed(rng: random.Random, shares: dict[str, float], starts: int) -> dict[str, int]:
    chosen = rng.choices(list(shares), list(shares.values()), k=starts)
    return {name: chosen.count(name) for name in shares}


# R: pchisq(q, df, lower.tail = FALSE); qchisq(0.999, df)
@pytest.mark.parametrize(
    ("distance", "freedom", "chance"),
    [(3.841459, 1, 0.05), (5.991465, 2, 0.05), (10.82757, 1, 0.001), (16.26624, 3, 0.001), (29.5883, 10, 0.001)],
)
def test_chances_are_those_of_the_tables(distance: float, freedom: int, chance: float) -> None:
    assert _chance(distance, freedom) == pytest.approx(chance, rel=1e-4)
    if chance == 0.001:
        assert _bound(freedom) == pytest.approx(distance, rel=1e-5)


def test_a_bridge_that_ignores_its_scores_is_found_out() -> None:
    assert fit({"old": 40, "new": 0}, WANTED, BEFORE).verdict == "too few yet"
    assert fit({"old": 100, "new": 0}, WANTED, BEFORE).verdict == "does not fit"


def test_starts_as_wanted_fit_once_they_could_not_be_as_before() -> None:
    before = {"old": 75.0, "new": 25.0}
    wanted = {"old": 50.0, "new": 50.0}
    assert fit({"old": 20, "new": 20}, wanted, before).verdict == "too few yet"
    assert fit({"old": 100, "new": 100}, wanted, before).verdict == "fits"
    assert fit({"old": 750, "new": 250}, wanted, before).verdict == "does not fit"


def test_at_the_last_stage_one_start_on_an_old_cluster_does_not_fit() -> None:
    wanted, before = {"old": 0.0, "new": 100.0}, {"old": 50.0, "new": 50.0}
    assert fit({"old": 0, "new": 3}, wanted, before).verdict == "too few yet"
    assert fit({"old": 0, "new": 30}, wanted, before).verdict == "fits"
    assert fit({"old": 1, "new": 30}, wanted, before).verdict == "does not fit"


def test_no_starts_are_too_few_and_other_clusters_do_not_count() -> None:
    assert fit({}, WANTED, BEFORE).verdict == "too few yet"
    told = fit({"old": 900, "new": 100, "us3": 5000}, WANTED, BEFORE)
    assert (told.verdict, told.starts, told.shares) == ("fits", 1000, {"old": 90.0, "new": 10.0})


@given(weights=st.lists(st.integers(1, 100), min_size=2, max_size=10), starts=st.integers(0, 3000))
def test_starts_exactly_as_wanted_always_fit(weights: list[int], starts: int) -> None:
    wanted = {f"c{i}": float(weight) for i, weight in enumerate(weights)}
    exact = {name: round(starts * weight / sum(weights)) for name, weight in wanted.items()}
    assert fit(exact, wanted).verdict != "does not fit"


@pytest.mark.parametrize("clusters", [2, 5, 10])
def test_a_true_bridge_is_seldom_doubted(clusters: int) -> None:
    rng = random.Random(clusters)
    wanted = {f"c{i}": float(i + 1) for i in range(clusters)}
    verdicts = [fit(placed(rng, wanted, 400), wanted).verdict for _ in range(1000)]
    assert verdicts.count("does not fit") <= 5  # 1 in 1,000 by the law
    assert verdicts.count("fits") >= 995


def test_a_false_one_is_found_as_promised() -> None:
    rng = random.Random(5)
    before, wanted = {"a": 60.0, "b": 30.0, "c": 10.0}, {"a": 40.0, "b": 20.0, "c": 40.0}
    for starts in range(10, 300, 10):
        verdicts = [fit(placed(rng, before, starts), wanted, before).verdict for _ in range(100)]
        assert verdicts.count("fits") <= 5, starts
    assert fit(placed(rng, wanted, 300), wanted, before).verdict == "fits"

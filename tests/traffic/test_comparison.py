from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ws_deployment.config.gates import Comparison
from ws_deployment.traffic.comparison import (
    LOWEST,
    Counts,
    Evidence,
    beside,
    highest,
    judge,
    times_looked_for,
)

RATIOS = st.floats(0.0001, 0.9)


def comparison(**changed: float) -> Comparison:
    return Comparison.model_validate({"bad": "bad{{cluster}}", "all": "all{{cluster}}", **changed})


#: A machine under load takes long for what is quick, and an example here is many looks.
RELAXED = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def counts(most: int = 2000) -> st.SearchStrategy[Counts]:
    return st.tuples(st.integers(0, most), st.floats(0, 1)).map(
        lambda drawn: Counts(int(drawn[0] * drawn[1]), drawn[0])
    )


@RELAXED
@given(new=counts(), old=counts(), times=st.floats(1.05, 1000))
def test_more_failures_of_the_new_speak_against_it_and_of_the_old_for_it(
    new: Counts, old: Counts, times: float
) -> None:
    told = beside(new, old, times)
    if new.all and old.all:
        assert beside(new + Counts(1, 0), old, times) >= told
        assert beside(new, old + Counts(1, 0), times) <= told
    else:
        assert told == 0


@RELAXED
@given(new=counts(), size=st.integers(1, 500), times=st.floats(1.05, 1000))
def test_a_small_baseline_never_says_much(new: Counts, size: int, times: float) -> None:
    ratio = new.ratio or 0
    assert beside(new, Counts(0, size), times) <= size * ratio + 1e-9


@RELAXED
@given(new=counts(), old=counts(), times=st.floats(1.05, 20))
def test_no_failure_at_all_says_nothing(new: Counts, old: Counts, times: float) -> None:
    assert beside(Counts(0, new.all), Counts(0, old.all), times) == 0


@RELAXED
@given(ratio=RATIOS, times=st.floats(1.5, 20))
def test_bad_is_so_many_times_as_bad_as_far_as_that_can_be(ratio: float, times: float) -> None:
    looked_for = times_looked_for(ratio, comparison(times=times))
    assert looked_for * ratio <= 1 + 1e-9 or looked_for == 1.05
    if 0.01 <= ratio * times <= (1 + ratio) / 2:
        assert looked_for == pytest.approx(times)


def test_bad_is_so_much_above() -> None:
    assert times_looked_for(0.05, comparison(difference=0.05)) == pytest.approx(2)
    assert times_looked_for(0.20, comparison(difference=0.05)) == pytest.approx(1.25)


LOOKS = st.lists(st.tuples(counts(40), counts(200)), max_size=10)


@RELAXED
@given(looks=LOOKS, chosen=st.integers(1, 60))
def test_no_verdict_of_failure_rests_on_too_few(looks: list[tuple[Counts, Counts]], chosen: int) -> None:
    evidence, compared = Evidence(), comparison(minStarts=chosen)
    for new, old in looks:
        evidence.add(new, old, compared)
        judged = judge(evidence, compared)
        assert judged.verdict in {"success", "failed", "inconclusive"}
        if judged.verdict == "failed":
            assert min(evidence.new.all, evidence.old.all) >= chosen
        if judged.verdict == "success":
            assert evidence.new.all >= chosen
        assert evidence.beside >= LOWEST
        assert LOWEST <= evidence.itself <= -LOWEST


@RELAXED
@given(looks=LOOKS)
def test_more_tests_ask_for_more_evidence(looks: list[tuple[Counts, Counts]]) -> None:
    evidence, compared = Evidence(), comparison()
    for new, old in looks:
        evidence.add(new, old, compared)
        words = [judge(evidence, compared, tests=tests).verdict for tests in (1, 5, 50)]
        assert all(not (later == "failed" and earlier != "failed") for earlier, later in pairwise(words))


@RELAXED
@given(looks=LOOKS)
def test_another_process_goes_on_with_the_evidence(looks: list[tuple[Counts, Counts]]) -> None:
    evidence, compared = Evidence(), comparison()
    for new, old in looks:
        evidence.add(new, old, compared)
    assert Evidence.of(json.loads(json.dumps(evidence.as_dict()))) == evidence


def stream(rng: random.Random, ratio: float, starts: int) -> Counts:
    return Counts(sum(rng.random() < ratio for _ in range(starts)), starts)


def run(
    evidence: Evidence, rng: random.Random, looks: int, new: tuple[int, float], old: tuple[int, float]
) -> list[str]:
    compared = comparison()
    words = []
    for _ in range(looks):
        evidence.add(stream(rng, new[1], new[0]), stream(rng, old[1], old[0]), compared)
        words.append(judge(evidence, compared).verdict)
    return words


def test_a_cluster_that_turns_bad_late_is_found_soon() -> None:
    evidence, rng = Evidence(), random.Random(7)
    assert run(evidence, rng, 500, (5, 0.05), (5, 0.05))[-1] == "success"
    words = run(evidence, rng, 30, (5, 0.40), (5, 0.05))
    assert "failed" in words
    assert words.index("failed") < 20  # 100 starts, though 2,500 good ones went before


def test_an_hour_that_is_bad_for_all_is_not_the_new_ones_fault() -> None:
    """Ten times as many failures everywhere, at a stage where the new one's part of the starts is larger."""
    for seed in range(40):
        evidence, rng = Evidence(), random.Random(seed)
        words = run(evidence, rng, 100, (1, 0.02), (9, 0.02))
        words += run(evidence, rng, 40, (5, 0.20), (5, 0.20))
        words += run(evidence, rng, 40, (5, 0.02), (5, 0.02))
        assert "failed" not in words, seed


def test_after_the_old_ones_have_left_their_record_is_the_baseline() -> None:
    evidence, rng = Evidence(), random.Random(3)
    run(evidence, rng, 200, (5, 0.05), (5, 0.05))
    assert set(run(evidence, rng, 200, (10, 0.05), (0, 0.0))) == {"success"}
    words = run(evidence, rng, 30, (10, 0.40), (0, 0.0))
    assert "failed" in words
    assert "record" in judge(evidence, comparison()).text


def test_clusters_that_hardly_ever_fail_are_let_through_by_that_alone() -> None:
    evidence = Evidence()
    words = run(evidence, random.Random(1), 200, (10, 0.0), (90, 0.0))
    assert words[-1] == "success"
    assert words.index("success") < 100  # a thousand starts without a failure
    evidence = Evidence()
    assert "failed" not in run(evidence, random.Random(1), 200, (10, 0.002), (90, 0.0))


def test_without_old_clusters_only_a_ratio_that_is_small_by_itself_is_good() -> None:
    assert run(Evidence(), random.Random(1), 200, (10, 0.0), (0, 0.0))[-1] == "success"
    assert set(run(Evidence(), random.Random(1), 200, (10, 0.2), (0, 0.0))) == {"inconclusive"}


def test_where_all_fail_already_failing_always_is_found() -> None:
    assert "failed" in run(Evidence(), random.Random(1), 300, (5, 1.0), (5, 0.6))


def test_what_is_told_names_the_counts() -> None:
    evidence, compared = Evidence(), comparison()
    evidence.add(Counts(3, 20), Counts(9, 180), compared)
    judged = judge(evidence, compared)
    assert (judged.verdict, judged.value, judged.baseline, judged.samples) == ("inconclusive", 0.15, 0.05, 20)
    assert judged.text == "3 of 20 (15.0%) bad, old 9 of 180 (5.0%): too few yet, 50 of each are wanted"
    assert highest(1) < highest(2)
    assert math.isfinite(LOWEST)

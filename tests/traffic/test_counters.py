from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.traffic.counters import ClusterCounts, Rise

PODS = st.sampled_from(["a", "b", "c"])


@given(events=st.lists(st.tuples(PODS, st.sampled_from(["count", "restart", "look"])), max_size=60))
def test_every_count_is_seen_once_over_restarts_and_new_series(events: list[tuple[str, str]]) -> None:
    """Each pod counts from 0 after a restart, and is looked at before it and after: nothing is lost."""
    pods: dict[str, int] = {}
    rise, total, counted = Rise(), 0.0, 0
    rise.since([], first=True)

    def look() -> float:
        return rise.since([({"__name__": "x", "pod": name}, float(value)) for name, value in pods.items()])

    for pod, event in events:
        if event == "count":
            pods[pod] = pods.get(pod, 0) + 1
            counted += 1
        elif event == "restart":
            total += look()
            pods[pod] = 0
            total += look()
        else:
            total += look()
    assert total + look() == counted


def test_a_series_that_begins_anew_counts_from_nothing() -> None:
    rise = Rise()
    assert rise.since([({"pod": "a"}, 100)], first=True) == 0
    assert rise.since([({"pod": "a"}, 3), ({"pod": "b"}, 2)]) == 5
    assert rise.since([]) == 0
    assert rise.since([({"pod": "a"}, 4)]) == 1  # it was gone for a look, and is no new one


def test_the_name_of_a_series_is_not_what_tells_it_apart() -> None:
    """`failures or 0 * starts` loses its name as long as nothing failed."""
    rise = Rise()
    assert rise.since([({"type": "Regular"}, 0)], first=True) == 0
    assert rise.since([({"__name__": "failures_total", "type": "Regular"}, 1)]) == 1


def test_what_was_counted_before_a_cluster_was_seen_is_not_of_the_shift() -> None:
    counts = ClusterCounts()
    assert counts.since([], []) is None
    assert counts.since([({}, 5)], [({}, 90)]) == (0, 0)
    assert counts.since([({}, 6)], [({}, 100)]) == (1, 10)


def test_the_first_failure_of_all_counts() -> None:
    counts = ClusterCounts()
    assert counts.since([], [({}, 90)]) == (0, 0)
    assert counts.since([({"type": "Regular"}, 1)], [({}, 100)]) == (1, 10)


def test_what_is_not_seen_or_no_count_takes_nothing_in() -> None:
    counts = ClusterCounts()
    counts.since([({}, 5)], [({}, 90)])
    assert counts.since([({}, 6)], []) is None
    assert counts.since([({}, math.nan)], [({}, 95)]) is None
    assert counts.since([({}, -1)], [({}, 95)]) is None
    assert counts.since([({}, 7)], [({}, 110)]) == (2, 20)


def test_another_process_goes_on() -> None:
    counts = ClusterCounts()
    counts.since([({"pod": "a"}, 5)], [({"pod": "a"}, 90)])
    again = ClusterCounts.of(json.loads(json.dumps(counts.as_dict())))
    assert again.since([({"pod": "a"}, 6)], [({"pod": "a"}, 91)]) == (1, 1)

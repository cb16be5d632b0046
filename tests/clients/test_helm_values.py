from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.clients.helm_values import merge_values

values = st.recursive(
    st.none() | st.integers() | st.text("ab", max_size=2) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
trees = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def test_maps_merge_and_the_rest_is_replaced() -> None:
    below = {"image": {"tag": "1", "repo": "r"}, "args": [1, 2], "debug": True}
    above = {"image": {"tag": "2"}, "args": [3], "debug": None}
    assert merge_values(below, above) == {"image": {"tag": "2", "repo": "r"}, "args": [3], "debug": None}


@given(trees, trees, trees)
def test_layers_are_laid_one_by_one_and_left_as_they_are(a: dict, b: dict, c: dict) -> None:  # type: ignore[type-arg]  # a test reads loosely
    before = repr((a, b, c))
    # Not associative: a scalar between two maps hides the first, as in Helm.
    assert merge_values(merge_values(a, b), c) == merge_values(a, b, c)
    assert repr((a, b, c)) == before


@given(trees)
def test_nothing_is_neutral(tree: dict) -> None:  # type: ignore[type-arg]  # a test reads loosely
    assert merge_values({}, tree) == merge_values(tree, {}) == merge_values(tree, tree) == tree

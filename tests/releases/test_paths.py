from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.releases.paths import (
    ABSENT,
    FieldPath,
    Item,
    path_as_json,
    path_from_json,
    path_of,
    text_of,
    value_at,
    with_value,
)

KEYS = st.text(min_size=1, max_size=8)
VALUES = st.one_of(st.text(max_size=6), st.integers(-99, 99), st.booleans())
ITEMS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=2).map(lambda keys: Item(tuple(sorted(keys.items()))))
#: A key, or a list and one of its items: lists stand in mappings.
STEPS = st.one_of(st.tuples(KEYS), st.tuples(KEYS, ITEMS))
PATHS = st.lists(STEPS, min_size=1, max_size=4).map(lambda steps: tuple(part for step in steps for part in step))

OBJECT = {
    "metadata": {"labels": {"a.b/c": "x"}},
    "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "b"}], "args": ["-v"]},
}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spec.version", ("spec", "version")),
        ("spec.taints[key=a].effect", ("spec", "taints", Item.of(key="a"), "effect")),
        ("spec.ports[port=80,protocol=TCP]", ("spec", "ports", Item.of(port=80, protocol="TCP"))),
        ('spec.files[path="/etc/a b"]', ("spec", "files", Item.of(path="/etc/a b"))),
        ('metadata.labels."a.b/c"', ("metadata", "labels", "a.b/c")),
        ("spec.rules[version=1.20]", ("spec", "rules", Item.of(version="1.20"))),
        ('spec.rules[on="true"]', ("spec", "rules", Item.of(on="true"))),
        ("spec.rules[on=true]", ("spec", "rules", Item.of(on=True))),
    ],
)
def test_a_path_is_read_and_written(text: str, path: FieldPath) -> None:
    assert path_of(text) == path
    assert text_of(path) == text


@given(PATHS)
def test_every_path_survives_text_and_json(path: FieldPath) -> None:
    assert path_of(text_of(path)) == path
    assert path_from_json(path_as_json(path)) == path


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "[name=x]", "a[", "a]b", "a[name]", "a[name=x", "a b", "a[*]"]
)
def test_what_is_no_path_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"no path|no item|no single item"):
        path_of(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("spec.taints[key=a].effect", "NoSchedule"),
        ("spec.taints[key=b].effect", ABSENT),
        ("spec.taints[key=c]", ABSENT),
        ("spec.args", ["-v"]),
        ("spec.args.x", ABSENT),
        ("spec[key=a]", ABSENT),
        ('metadata.labels."a.b/c"', "x"),
    ],
)
def test_a_value_is_found(text: str, value: Any) -> None:
    assert value_at(OBJECT, path_of(text)) == value


def test_a_value_is_put_and_taken_away_and_the_object_stays_as_it_was() -> None:
    before = copy.deepcopy(OBJECT)
    put = with_value(OBJECT, path_of("spec.taints[key=c].effect"), "x")
    assert put["spec"]["taints"][2] == {"key": "c", "effect": "x"}
    taken = with_value(put, path_of("spec.taints[key=a]"), ABSENT)
    assert [one["key"] for one in taken["spec"]["taints"]] == ["b", "c"]
    assert with_value(OBJECT, path_of("spec.nowhere.at.all"), ABSENT) == OBJECT
    assert with_value(OBJECT, path_of("spec.taints[key=c].effect"), ABSENT) == OBJECT
    assert before == OBJECT


@given(PATHS, VALUES)
def test_what_was_put_is_found(path: FieldPath, value: Any) -> None:
    root = with_value({}, path, value)
    # An item is found by its keys: putting another value into one of them, or in its place, makes it another item.
    if not isinstance(path[-1], Item) and not any(
        isinstance(one, Item) and two in dict(one.keys) for one, two in itertools.pairwise(path)
    ):
        assert value_at(root, path) == value
        assert value_at(with_value(root, path, ABSENT), path) is ABSENT

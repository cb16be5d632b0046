"""The table of cases, and what holds of all objects, releases and definitions."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from harness.release_cases import CaseShape, cases, definition, kept_line, line, name_of
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_deployment.releases.definition import Definition, Entry, Policy
from ws_deployment.releases.inverse import undone
from ws_deployment.releases.paths import ABSENT, FieldPath, value_at
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.shape import NoShape
from ws_deployment.releases.three_way import Sides, compare, lines_between
from ws_deployment.releases.values import same


@pytest.mark.parametrize("case", cases("fields"), ids=name_of)
def test_case(case: Any) -> None:
    given_ = copy.deepcopy(case)
    sides = Sides(case["live"], case["present"], case["next"])
    kind = case.get("kind", "Widget")
    outcome = compare(kind, sides, definition(case), CaseShape(case))
    assert [line(change) for change in outcome.changes] == case["diff"]
    assert [kept_line(kept) for kept in outcome.kept] == case.get("kept", [])
    assert outcome.result == case["result"]
    assert case == given_, "what is compared stays as it is"
    again = compare(kind, Sides(outcome.result, case["next"], case["next"]), definition(case), CaseShape(case))
    assert not again.changes


def test_there_are_enough_cases() -> None:
    assert len(cases("fields")) + len(cases("objects")) >= 40


KEYS = st.sampled_from("abc")
LEAVES = st.one_of(st.integers(0, 2), st.sampled_from(["x", "1Gi", "1024Mi", ""]), st.booleans(), st.none())
ITEMS = st.lists(
    st.fixed_dictionaries({"name": KEYS}, optional={"v": LEAVES, "w": LEAVES}),
    max_size=3,
    unique_by=lambda i: i["name"],
)
TREES = st.recursive(
    st.one_of(LEAVES, st.lists(LEAVES, max_size=2), st.lists(st.integers(0, 2), max_size=2)),
    lambda below: st.dictionaries(KEYS, below, max_size=3),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries({}, optional={"spec": st.dictionaries(KEYS, TREES, max_size=3), "items": ITEMS})
PATTERNS = st.one_of(
    st.lists(st.sampled_from(["a", "b", "c", "*"]), max_size=3).map(lambda keys: ".".join(["spec", *keys])),
    st.sampled_from(["items", "items[*]", "items[name=a]", "items[*].v", "items[name=b].w"]),
)
ENTRIES = st.lists(
    st.builds(
        lambda text, policy: Entry("*", Pattern.of(text), policy, "because"), PATTERNS, st.sampled_from(list(Policy))
    ),
    max_size=4,
)
SHAPE = CaseShape({"lists": {"items": ["name"]}})


@settings(max_examples=120)
@given(OBJECTS, OBJECTS, OBJECTS, ENTRIES)
def test_planning_again_after_applying_changes_nothing(live: Any, base: Any, wanted: Any, entries: Any) -> None:
    rules = Definition.of(entries)
    done = compare("Widget", Sides(live, base, wanted), rules, SHAPE)
    again = compare("Widget", Sides(done.result, wanted, wanted), rules, SHAPE)
    assert not again.changes
    # Nor does it when the cluster's mark has not been read anew.
    assert not compare("Widget", Sides(done.result, base, wanted), rules, SHAPE).changes


@settings(max_examples=120)
@given(OBJECTS, OBJECTS, OBJECTS, ENTRIES)
def test_the_lines_are_all_that_differs(live: Any, base: Any, wanted: Any, entries: Any) -> None:
    before = copy.deepcopy(live)
    done = compare("Widget", Sides(live, base, wanted), Definition.of(entries), SHAPE)
    assert live == before
    for change in done.changes:
        assert value_at(live, change.path) in (change.before, None)
        after = value_at(done.result, change.path)
        assert after is change.after if change.after is ABSENT else after == change.after
    back = undone(done.result, done.changes, live)
    assert list(lines_between(live, back, SHAPE)) == []


@given(OBJECTS, OBJECTS, OBJECTS, ENTRIES)
def test_only_fields_that_a_release_names_appear(live: Any, base: Any, wanted: Any, entries: Any) -> None:
    done = compare("Widget", Sides(live, base, wanted), Definition.of(entries), SHAPE)
    for line_ in (*done.changes, *done.kept):
        assert any(value_at(side, line_.path) is not ABSENT for side in (base, wanted))


@given(OBJECTS, OBJECTS, ENTRIES)
def test_without_entries_nothing_populated_is_touched(live: Any, wanted: Any, entries: Any) -> None:
    harmless = [one for one in entries if one.policy is not Policy.OVERWRITE]
    done = compare("Widget", Sides(live, {}, wanted), Definition.of(harmless), SHAPE)
    for change in done.changes:
        assert change.before is ABSENT


@given(OBJECTS, OBJECTS)
def test_where_all_is_overwritten_the_release_is_there(live: Any, wanted: Any) -> None:
    everything = Definition.of(
        [Entry("*", Pattern.of(text), Policy.OVERWRITE, "because") for text in ("spec", "items")]
    )
    done = compare("Widget", Sides(live, {}, wanted), everything, NoShape())
    for path, one in _leaves(wanted, ()):
        here = value_at(done.result, path)
        # An empty mapping asks for no more than a mapping.
        assert one is None or same(here, one) or (one == {} and isinstance(here, dict)), path


def _leaves(value: Any, path: FieldPath) -> Any:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path, value

"""Changing YAML texts by the lines that change: properties over texts in every style, and what the styles are."""

from __future__ import annotations

import contextlib
from random import Random
from typing import Any

import yaml
from harness.yaml_styles import Styles
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_deployment.releases.repository import render, whole
from ws_deployment.releases.repository.edit import Place, edited
from ws_deployment.releases.repository.layout import Habits
from ws_deployment.releases.repository.tree import Mapping, Node, UneditableError, parse
from ws_deployment.releases.repository.values import own_entries, same, value_of

TEXTS = st.one_of(
    st.sampled_from(["", "a", "v1.30.2", "25.0.0", "1.10", "yes", "null", "12:30", "- a", "a: b", "a #b", "it's", "é"]),
    st.sampled_from(
        ["one\ntwo", "one\n\ntwo\n", "end\n\n", " lead\nx", "tab\there", "a\rb", "0x1F", "1e3", "2001-01-01"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=8),
)
SCALARS = st.one_of(TEXTS, st.integers(-1000, 10**9), st.booleans(), st.none(), st.floats(-1e6, 1e6))
KEYS = st.sampled_from(["name", "a", "b", "c", "version", "spec", "a.b/c", "25", "x y", "on", "-", "#k"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.lists(st.fixed_dictionaries({"name": st.sampled_from("pqrs"), "v": inner}), max_size=3),
    ),
    max_leaves=12,
)
SEEDS = st.integers(0, 2**32)
OBJECTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)


def changed(value: Any, chance: Random, other: Any) -> Any:
    """`value` with a few things in it changed, taken away or added; what is new is `other`."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        made = dict(value)
        for key in chance.sample(sorted(made), chance.randint(0, min(2, len(made)))):
            if chance.random() < 0.25:
                del made[key]
            else:
                made[key] = changed(made[key], chance, other)
        return {**made, "new": other} if chance.random() < 0.3 or not made else made
    if isinstance(value, list) and value and chance.random() < 0.9:
        items = [changed(one, chance, other) if chance.random() < 0.3 else one for one in value]
        if chance.random() < 0.3:
            items.insert(chance.randint(0, len(items)), other)
        if chance.random() < 0.3:
            items.pop(chance.randrange(len(items)))
        return items
    return other if chance.random() < 0.7 else value


@settings(max_examples=80, deadline=None)
@given(OBJECTS, SCALARS | VALUES, SEEDS, st.sampled_from(["\n", "\r\n"]))
def test_what_is_wanted_is_said_the_rest_is_untouched_and_twice_is_once(
    have: dict[str, Any], other: Any, seed: int, ending: str
) -> None:
    chance = Random(seed)
    text = Styles(chance).document(have).replace("\n", ending)
    assert same(value_of(parse(text)[0].root), have)
    unended = text.removesuffix(ending)
    if chance.random() < 0.3 and same(value_of(parse(unended)[0].root), have):
        text = unended
    want = changed(have, chance, other)
    if not isinstance(want, dict) or not want:
        want = {**have, "new": other}
    made = edited(text, {Place(0): want})
    before, after = parse(text)[0].root, parse(made)[0].root
    assert same(value_of(after), want)
    assert_untouched(text, before, made, after)
    assert edited(made, {Place(0): want}) == made
    if same(have, want):
        assert made == text


def edited_or_why(text: str, want: dict[str, Any]) -> tuple[str, str]:
    """The text as wanted, or why it can't be."""
    try:
        return edited(text, {Place(0): want}), ""
    except UneditableError as error:
        return "", error.why


def assert_untouched(text: str, before: Node, made: str, after: Node) -> None:
    """Every entry of a mapping that says the same as before stands there as before, to the byte."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return
    new = own_entries(after)
    for key, entry in own_entries(before).items():
        if key not in new:
            continue
        if same(value_of(entry.value), value_of(new[key].value)):
            assert text[entry.key.start : entry.value.end] == made[new[key].key.start : new[key].value.end]
        assert_untouched(text, entry.value, made, new[key].value)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, OBJECTS, SEEDS)
def test_with_anchors_and_aliases_it_says_what_is_wanted_or_refuses(
    have: dict[str, Any], more: dict[str, Any], seed: int
) -> None:
    chance = Random(seed)
    have = {**have, "again": have, "more": more}
    text = Styles(chance, anchors=True).document(have)
    assert same(value_of(parse(text)[0].root), have)
    want = changed(have, chance, "other")
    if not isinstance(want, dict) or not want:
        return
    made, why = edited_or_why(text, want)
    if why:
        # What goes away, or becomes of another kind, may be what an alias elsewhere stands for.
        assert "stands for nothing" in why
        return
    assert same(value_of(parse(made)[0].root), want)
    assert edited(made, {Place(0): want}) == made


@settings(max_examples=80, deadline=None)
@given(st.lists(OBJECTS, min_size=2, max_size=4), SEEDS)
def test_a_document_is_taken_out_and_put_in_without_touching_the_others(
    objects: list[dict[str, Any]], seed: int
) -> None:
    chance = Random(seed)
    parts = [Styles(chance).document(one).rstrip("\n") + "\n" for one in objects]
    text = chance.choice(["", "---\n", "# head\n---\n"]) + "---\n".join(parts)
    number = chance.randrange(len(objects))
    left = whole.without(text, Place(number))
    assert left is not None
    assert same([value_of(one.root) for one in parse(left)], [*objects[:number], *objects[number + 1 :]])
    for other, part in enumerate(parts):
        assert other == number or part in left
    more = whole.appended(left, objects[number])
    assert more.startswith(left)
    assert same(value_of(parse(more)[-1].root), objects[number])


@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.sampled_from([Habits(), Habits(4, 2), Habits(2, 2)]))
def test_other_readers_take_what_is_written_for_the_same(value: dict[str, Any], style: Habits) -> None:
    text = "\n".join(render.block(value, style)) + "\n"
    assert same(value_of(parse(text)[0].root), value)
    assert same(yaml.safe_load(text), value)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@,? \n\t\r\u00e9\u2028\ufeff0"), max_size=40))
def test_no_text_is_read_with_another_error_than_its_own(text: str) -> None:
    with contextlib.suppress(UneditableError):
        for document in parse(text):
            value_of(document.root)

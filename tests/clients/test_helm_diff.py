from __future__ import annotations

import base64

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.clients.helm_diff import api_versions, compare, masked, read_manifest
from ws_deployment.redaction import MASK


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str, **data: str) -> dict[str, object]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}


def manifest(*objects: object) -> str:
    return "---\n# Source: a comment\n" + yaml.safe_dump_all(objects)


def test_objects_are_added_removed_changed_and_left() -> None:
    live = manifest(config_map("same", a="1"), config_map("old"), config_map("edited", a="1", b="2"))
    new = manifest(config_map("edited", a="1", b="3"), config_map("same", a="1"), config_map("new"))
    diff = compare(live, new)
    assert [str(one) for one in diff.added] == ["ConfigMap/new"]
    assert [str(one) for one in diff.removed] == ["ConfigMap/old"]
    (change,) = diff.changed
    assert "-  b: '2'\n+  b: '3'" in change.diff
    assert str(diff) == "1 added, 1 changed, 1 removed"


def test_order_comments_and_empty_documents_are_no_change() -> None:
    one, two = config_map("one", a="="), config_map("two", a="2026-01-01")
    assert compare(manifest(one, two), "---\n" + manifest(two, one)).empty


def test_an_install_adds_everything() -> None:
    diff = compare("", manifest(config_map("a"), secret("b")))
    assert (len(diff.added), diff.changed, diff.removed) == (2, (), ())


def test_a_secret_says_that_it_changed_and_not_what_it_is() -> None:
    live = secret("s", password="old-hunter2", user="me")
    new = secret("s", password="new-hunter2", user="me")
    new["metadata"] = {"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}}
    text = compare(manifest(live), manifest(new)).text()
    assert "password: (secret, changed)" in text
    assert "user: (secret)" in text
    for hidden in ("hunter2", *new["data"].values(), *live["data"].values()):  # type: ignore[attr-defined]  # a test reads loosely
        assert hidden not in text
        assert hidden not in masked(manifest(new))


def test_random_values_are_named_and_do_not_count() -> None:
    live = manifest(secret("s", token="a", fixed="x"), config_map("c", checksum="1"))
    once = manifest(secret("s", token="b", fixed="x"), config_map("c", checksum="2"))
    again = manifest(secret("s", token="c", fixed="x"), config_map("c", checksum="3"))
    diff = compare(live, once, again)
    assert diff.empty
    assert diff.random == ("ConfigMap/c: data.checksum", "Secret/s: data.token")
    assert not compare(live, once).empty


def test_a_real_change_beside_a_random_one_is_seen() -> None:
    live = manifest(secret("s", token="a", fixed="x"))
    diff = compare(live, manifest(secret("s", token="b", fixed="y")), manifest(secret("s", token="c", fixed="y")))
    assert "fixed: (secret, changed)" in diff.text()
    assert "token: (made at random)" in diff.text()


def test_what_is_no_manifest_is_told() -> None:
    for text in ("a: [", "kind: ConfigMap", "just a text"):
        with pytest.raises(ValueError, match="no Kubernetes manifest"):
            read_manifest(text)


def test_api_versions() -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
    assert api_versions(manifest(deployment, config_map("c"))) == {("apps/v1", "Deployment"), ("v1", "ConfigMap")}


names = st.sampled_from("abcde")
trees = st.dictionaries(
    names, st.recursive(st.text("xy=1", max_size=4), lambda t: st.lists(t, max_size=3), max_leaves=4)
)
manifests = st.dictionaries(names, trees, max_size=4).map(
    lambda objects: manifest(*({**config_map(name), "data": data} for name, data in objects.items()))
)


@given(manifests)
def test_a_manifest_does_not_differ_from_itself(text: str) -> None:
    assert compare(text, text, text).empty
    assert not compare(text, text, text).random


@given(manifests, manifests)
def test_the_way_back_swaps_added_and_removed(one: str, other: str) -> None:
    there, back = compare(one, other), compare(other, one)
    assert there.added == back.removed
    assert [change.object for change in there.changed] == [change.object for change in back.changed]
    assert there.empty == (read_manifest(one) == read_manifest(other))


@given(manifests, manifests, manifests)
def test_random_fields_only_take_changes_away(live: str, new: str, again: str) -> None:
    plain, wise = compare(live, new), compare(live, new, again)
    assert {change.object for change in wise.changed} <= {change.object for change in plain.changed}
    assert (wise.added, wise.removed) == (plain.added, plain.removed)
    assert MASK not in wise.text()

"""What the API server says of an upgrade beforehand: defaults, admission, fields that are fixed, halfway states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.release_cases import line
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import TransientKubeError
from ws_deployment.errors import RefusedError
from ws_deployment.releases import marks
from ws_deployment.releases.applying import apply_plan
from ws_deployment.releases.catalogue import Catalogue
from ws_deployment.releases.definition import Definition, Entry, Policy, Renaming
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.inverse import undone
from ws_deployment.releases.owned import cleaned
from ws_deployment.releases.paths import path_of, text_of, value_at
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.plan import UpgradePlan
from ws_deployment.releases.planning import plan_upgrade
from ws_deployment.releases.release import Release, Resource
from ws_deployment.releases.three_way import lines_between
from ws_deployment.releases.versions import Range, Version
from ws_deployment.releases.writing import write

pytestmark = pytest.mark.real

WIDGET = {"apiVersion": "tests.ws-deployment.dev/v1", "kind": "Widget"}
CLUSTER = {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster"}
REF = {"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": "c"}
ALL = (Entry("*", Pattern.of("spec"), Policy.OVERWRITE, "because"),)

ADMISSION = "admissionregistration.k8s.io/v1"
RULE = {
    "apiGroups": ["tests.ws-deployment.dev"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["widgets"],
}

Upgrade = Callable[..., Management]


def release(version: str, spec: dict[str, Any], definition: Definition) -> Release:
    cluster = {**CLUSTER, "metadata": {"name": "${cluster}"}, "spec": {"controlPlaneRef": REF}}
    widget = {**WIDGET, "metadata": {"name": "${cluster}-w"}, "spec": spec}
    resources = (
        Resource("cluster", each=False, match_labels={}, body=cluster),
        Resource("w", each=False, match_labels={}, body=widget),
    )
    return Release(Version.of(version), (Range.of("<9.0.0"),), resources, definition)


@pytest.fixture
def upgrade(management: Kube, space: str) -> Upgrade:
    """A cluster `c` of release 1.0.0 with one widget, as a user would have it, and 2.0.0 beside it."""

    def made(live: dict[str, Any], present: dict[str, Any], wanted: dict[str, Any], *entries: Any) -> Management:
        definition = Definition.of(
            [one for one in entries if isinstance(one, Entry)], [one for one in entries if isinstance(one, Renaming)]
        )
        releases = [release("1.0.0", present, Definition()), release("2.0.0", wanted, definition)]
        named = {"cluster.x-k8s.io/cluster-name": "c"}
        for kind, name, spec in ((CLUSTER, "c", {"controlPlaneRef": REF}), (WIDGET, "c-w", live)):
            management.delete(kind["apiVersion"], kind["kind"], name, space)
            labels = {**named, marks.RELEASE: "1.0.0"} if kind is CLUSTER else named
            document = {**kind, "metadata": {"namespace": space, "name": name, "labels": labels}, "spec": spec}
            management.apply_fields(document, "kubectl")
        return Management(management, Catalogue.of(releases, "the test"), marks.RELEASE)

    return made


def within(space: str) -> dict[str, Any]:
    """Objects of a namespace, as policies choose them."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}}}


def lines(plan: UpgradePlan) -> list[str]:
    """What becomes of the widget."""
    return [line(change) for one in plan.objects if one.kind == "Widget" for change in one.changes]


def spec_of(place: Management, space: str) -> Any:
    found = place.kube.get("tests.ws-deployment.dev/v1", "Widget", "c-w", space)
    assert found is not None
    return found["spec"]


def test_a_field_that_is_fixed_once_set_is_told_when_planned(upgrade: Upgrade, space: str) -> None:
    place = upgrade({"fixed": "a"}, {"fixed": "a"}, {"fixed": "b"}, *ALL)
    plan = plan_upgrade(place, "c", space, "2.0.0")
    assert "fixed is immutable" in plan.problems[0].why
    assert plan.problems[0].on == f"Widget {space}/c-w"
    with pytest.raises(RefusedError, match="fixed is immutable"):
        apply_plan(place, plan)
    assert spec_of(place, space)["fixed"] == "a"


def test_what_the_server_fills_in_never_appears(upgrade: Upgrade, space: str) -> None:
    place = upgrade({"text": "a"}, {"text": "a"}, {"text": "b"}, *ALL)
    plan = plan_upgrade(place, "c", space, "2.0.0")
    assert lines(plan) == ['~ spec.text: "a" -> "b" (overwrite)']
    apply_plan(place, plan)
    assert spec_of(place, space) == {"text": "b", "filled": "by the server"}


def test_a_field_that_the_api_does_not_know_is_told(upgrade: Upgrade, space: str) -> None:
    plan = plan_upgrade(upgrade({}, {}, {"texd": "b"}), "c", space, "2.0.0")
    assert 'unknown field "spec.texd"' in plan.problems[0].why


def test_a_value_that_the_api_refuses_is_told(upgrade: Upgrade, space: str) -> None:
    plan = plan_upgrade(upgrade({}, {}, {"size": -1}), "c", space, "2.0.0")
    assert "spec.size" in plan.problems[0].why


def test_quantities_in_another_spelling_are_known_by_the_apis_schema(upgrade: Upgrade, space: str) -> None:
    place = upgrade({"memory": "0.50", "text": "1k"}, {}, {"memory": "500m", "text": "1000"}, *ALL)
    assert lines(plan_upgrade(place, "c", space, "2.0.0")) == ['~ spec.text: "1k" -> "1000" (overwrite, by hand)']


def test_what_would_be_refused_half_way_is_written_at_once(upgrade: Upgrade, space: str) -> None:
    move = Renaming("Widget", path_of("spec.one"), path_of("spec.other"), "renamed")
    place = upgrade({"one": "x", "text": "t"}, {"one": "a"}, {"other": "a"}, move)
    plan = plan_upgrade(place, "c", space, "2.0.0")
    assert not plan.problems
    assert [one.together for one in plan.objects if one.kind == "Widget"] == [True]
    apply_plan(place, plan)
    assert spec_of(place, space) == {"other": "x", "text": "t", "filled": "by the server"}


def test_what_is_set_and_what_goes_are_written_one_after_the_other(upgrade: Upgrade, space: str) -> None:
    live = {"text": "a", "vars": [{"name": "mine"}, {"name": "x", "value": "1"}, {"name": "y", "value": "1"}]}
    place = upgrade(
        live,
        {"text": "a", "vars": [{"name": "x", "value": "1"}, {"name": "y", "value": "1"}]},
        {"size": 3, "vars": [{"name": "z", "value": "1"}]},
        *ALL,
    )
    plan = plan_upgrade(place, "c", space, "2.0.0")
    assert [one.together for one in plan.objects if one.kind == "Widget"] == [False]
    apply_plan(place, plan)
    assert spec_of(place, space) == {
        "size": 3,
        "vars": [{"name": "mine"}, {"name": "z", "value": "1"}],
        "filled": "by the server",
    }


def test_one_that_ended_between_what_is_set_and_what_goes_is_gone_on_with(upgrade: Upgrade, space: str) -> None:
    place = upgrade({"text": "a", "timeout": "1m"}, {"text": "a", "timeout": "1m"}, {"timeout": "2m"}, *ALL)
    plan = plan_upgrade(place, "c", space, "2.0.0")
    (planned,) = [one for one in plan.objects if one.kind == "Widget"]
    assert [text_of(change.path) for change in planned.changes] == ["spec.timeout", "spec.text"]
    live = {**WIDGET, **(place.kube.get("tests.ws-deployment.dev/v1", "Widget", "c-w", space) or {})}
    write(place.kube, live, planned.changes[:1], place.shape(WIDGET["apiVersion"], "Widget"))
    assert spec_of(place, space) == {"text": "a", "timeout": "2m", "filled": "by the server"}
    assert apply_plan(place, plan).written == (planned.title, f"Cluster {space}/c")
    assert spec_of(place, space) == {"timeout": "2m", "filled": "by the server"}


@pytest.fixture
def mutation(management: Kube, space: str) -> Iterator[Callable[[str], None]]:
    """A MutatingAdmissionPolicy over the widgets of the namespace, by what it applies."""
    name = f"{space}.tests.ws-deployment.dev"

    def install(expression: str) -> None:
        spec = {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [RULE]},
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
        }
        policy = {"apiVersion": ADMISSION, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}
        management.apply(policy)
        binding = {"policyName": name, "matchResources": within(space)}
        kind = "MutatingAdmissionPolicyBinding"
        management.apply({"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, "spec": binding})

    yield install
    for kind in ("MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"):
        management.delete(ADMISSION, kind, name)


def planned_when_known(place: Management, space: str) -> UpgradePlan:
    """A plan; admission may need a moment until it knows a kind that has just been defined."""
    end = time.monotonic() + 60
    while True:
        try:
            return plan_upgrade(place, "c", space, "2.0.0")
        except TransientKubeError:
            assert time.monotonic() < end
            time.sleep(0.2)


def test_what_admission_changes_is_in_the_plan_and_is_what_comes(
    upgrade: Upgrade, space: str, mutation: Callable[[str], None]
) -> None:
    place = upgrade({"text": "a"}, {"text": "a"}, {"text": "b", "args": ["x"]}, *ALL)
    mutation('Object{spec: Object.spec{text: "ours-" + object.spec.text, size: 7}}')
    deadline = time.monotonic() + 60
    while len(told := lines(plan := planned_when_known(place, space))) < 4:
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    assert told == [
        '~ spec.text: "a" -> "b" (overwrite)',
        '+ spec.args: ["x"] (empty)',
        '~ spec.text: "b" -> "ours-b" (server)',
        "+ spec.size: 7 (server)",
    ]
    apply_plan(place, plan)
    (planned,) = [one for one in plan.objects if one.kind == "Widget"]
    assert spec_of(place, space) == (planned.result or {})["spec"]
    # What admission makes of it is as planned: nothing is written again.
    assert apply_plan(place, plan).written == ()


def test_what_admission_makes_of_a_new_object_is_in_the_plan(
    upgrade: Upgrade, space: str, mutation: Callable[[str], None]
) -> None:
    place = upgrade({}, {}, {"text": "b"})
    place.kube.delete(WIDGET["apiVersion"], "Widget", "c-w", space)
    mutation('Object{spec: Object.spec{text: "ours-" + object.spec.text}}')
    deadline = time.monotonic() + 60
    while not (told := lines(plan := planned_when_known(place, space))):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert told == ['~ spec.text: "b" -> "ours-b" (server)']
    apply_plan(place, plan)
    assert spec_of(place, space)["text"] == "ours-b"
    assert apply_plan(place, plan).written == ()


@pytest.fixture
def policy(management: Kube, space: str) -> Iterator[Callable[[str], None]]:
    """A ValidatingAdmissionPolicy over the widgets of the namespace, by its expression."""
    name = f"{space}.tests.ws-deployment.dev"

    def install(expression: str) -> None:
        spec = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [RULE]},
            "validations": [{"expression": expression, "message": "the policy says no"}],
        }
        management.apply(
            {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}
        )
        binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": within(space)}
        management.apply(
            {
                "apiVersion": ADMISSION,
                "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": name},
                "spec": binding,
            }
        )

    yield install
    for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
        management.delete(ADMISSION, kind, name)


def test_the_admission_of_new_objects_and_of_changes_speaks_beforehand(
    upgrade: Upgrade, space: str, policy: Callable[[str], None]
) -> None:
    place = upgrade({"size": 1}, {"size": 1}, {"size": 5}, *ALL)
    assert not plan_upgrade(place, "c", space, "2.0.0").problems
    policy("object.spec.size < 3")
    # The API server takes a moment to see a policy.
    deadline = time.monotonic() + 60
    while not (problems := plan_upgrade(place, "c", space, "2.0.0").problems):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "the policy says no" in problems[0].why
    assert "refuses such an object" in problems[0].why


TEXTS = st.sampled_from(["a", "b", "1Gi", "1024Mi"])
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "timeout": st.sampled_from(["60s", "1m", "2m"]),
        "memory": st.sampled_from(["1Gi", "1024Mi", 2, "2"]),
        "size": st.integers(0, 2),
        "args": st.lists(TEXTS, max_size=2),
        "vars": st.lists(
            st.fixed_dictionaries({"name": TEXTS}, optional={"value": TEXTS}), max_size=3, unique_by=lambda v: v["name"]
        ),
        "free": st.dictionaries(st.sampled_from("xyz"), st.one_of(st.integers(0, 2), TEXTS), max_size=2),
    },
)
ENTRIES = st.lists(
    st.builds(
        lambda path, policy: Entry("Widget", Pattern.of(path), policy, "because"),
        st.sampled_from(
            ["spec", "spec.text", "spec.vars", "spec.vars[*].value", "spec.free", "spec.size", "spec.memory"]
        ),
        st.sampled_from([Policy.OVERWRITE, Policy.OVERWRITE, Policy.KEEP]),
    ),
    max_size=4,
)

#: What an apply would merge with what is there.
OVERWRITTEN_VARS, OVERWRITTEN_FREE = (
    Entry("Widget", Pattern.of(path), Policy.OVERWRITE, "because") for path in ("spec.vars", "spec.free")
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SPECS, SPECS, SPECS, ENTRIES)
@example({"vars": [{"name": "a"}]}, {}, {"vars": []}, [OVERWRITTEN_VARS])
@example({"free": {"a": 1}}, {}, {"free": {}}, [OVERWRITTEN_FREE])
def test_what_is_applied_is_what_the_dry_run_said(  # noqa: PLR0917  two fixtures and what is drawn
    upgrade: Upgrade, space: str, live: Any, present: Any, wanted: Any, entries: list[Entry]
) -> None:
    place = upgrade(live, present, wanted, *entries)
    before = cleaned(place.kube.get("tests.ws-deployment.dev/v1", "Widget", "c-w", space) or {})
    plan = plan_upgrade(place, "c", space, "2.0.0")
    assert not plan.problems
    apply_plan(place, plan)
    after = cleaned(place.kube.get("tests.ws-deployment.dev/v1", "Widget", "c-w", space) or {})
    restored: Any = after
    for one in plan.objects:
        if one.kind != "Widget":
            continue
        assert one.result is None or after == one.result
        for change in one.written:
            assert value_at(after, change.path) == change.after, text_of(change.path)
        restored = undone(restored, one.changes, before)
    assert not list(lines_between(before, restored, place.shape(WIDGET["apiVersion"], "Widget")))
    again = plan_upgrade(place, "c", space, "2.0.0")
    assert again.empty, lines(again)

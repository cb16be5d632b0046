from __future__ import annotations

from typing import Any

import pytest
from harness.release_cases import cases, definition, kept_line, line, name_of

from ws_deployment.releases.definition import Definition
from ws_deployment.releases.drafts import ClusterObjects, Draft, Upgrade, drafts
from ws_deployment.releases.plan import Action
from ws_deployment.releases.release import Release, Resource
from ws_deployment.releases.shape import NoShape
from ws_deployment.releases.versions import Range, Version

LABEL = "ws-deployment.dev/release"
CLUSTER = {
    "apiVersion": "cluster.x-k8s.io/v1beta2",
    "kind": "Cluster",
    "metadata": {"name": "alpha", "namespace": "clusters", "labels": {LABEL: "20.0.0"}},
    "spec": {},
}


def release(version: str, kubernetes: str, resources: list[Any]) -> Release:
    made = [
        Resource(one["name"], one.get("applies") == "each", one.get("matchLabels", {}), one["resource"])
        for one in resources
    ]
    return Release(
        Version.of(version), (Range.of("<99.0.0"),), tuple(made), Definition(), kubernetes=Version.of(kubernetes)
    )


def title(draft: Draft) -> str:
    marks = [f"replaces {draft.replaces}"] if draft.replaces else []
    marks += ["disruptive"] if draft.disruptive or any(one.disruptive for one in draft.outcome.changes) else []
    marks += ["irreversible"] if draft.irreversible else []
    marked = f" ({', '.join(marks)})" if marks else ""
    head = f"{draft.action} {draft.resource.kind} {draft.name}{marked}"
    return f"{head}: {draft.reason}" if draft.reason else head


@pytest.mark.parametrize("case", cases("objects"), ids=name_of)
def test_case(case: Any) -> None:
    upgrade = Upgrade(
        release("20.0.0", "v1.32.9", case["present"]),
        release("20.1.0", "v1.33.1", case["next"]),
        definition(case),
        LABEL,
    )
    made = drafts(
        ClusterObjects("alpha", "clusters", (CLUSTER, *case["live"])), upgrade, lambda _version, _kind: NoShape()
    )
    assert [title(one) for one in made] == case["objects"]
    lines = [f"{one.resource.kind} {one.name}: {line(change)}" for one in made for change in one.outcome.changes]
    assert lines == case.get("diff", [])
    kept = [f"{one.resource.kind} {one.name}: {kept_line(each)}" for one in made for each in one.outcome.kept]
    assert kept == case.get("kept", [])
    assert [note for one in made for note in one.notes] == case.get("notes", [])
    assert [one.body for one in made if one.action is not Action.DELETE] == case["result"]

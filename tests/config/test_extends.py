from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_deployment.config.compose import compose
from ws_deployment.config.extends import merge
from ws_deployment.config.loader import load
from ws_deployment.config.source import Source
from ws_deployment.config.tree import MappingNode, plain

BASE = """\
version: v1
environment: staging
project: {id: demo, network: shared, dnsZone: example.org}
metaClusters:
- {name: meta-eu, region: europe-west1}
- {name: meta-us, region: us-west1}
workspaceClusters:
- prefix: eu
  region: europe-west1
  governedBy: meta-eu
  labels: {tier: gold}
  valuesFiles: [values.yaml]
pipeline: [create-cluster, alive-test]
"""
OWN = """\
extends: bases/base.yaml
environment: production
project: {network: , bucket: own}
metaClusters:
- {name: meta-us, region: us-west2}
workspaceClusters:
- prefix: us
  region: us-east1
  governedBy: meta-us
- prefix: eu
  labels: {team: core}
pipeline: [create-cluster]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/base.yaml").write_text(BASE)
    (tmp_path / "own.yaml").write_text(OWN)
    return tmp_path / "own.yaml"


def test_mappings_are_merged_lists_replaced_and_clusters_merged_by_their_names(own: Path) -> None:
    document = load(own)
    assert document.faults == []
    config = document.config
    assert config is not None
    assert config.environment == "production"
    assert (config.project.network, config.project.bucket, config.project.dns_zone) == (None, "own", "example.org")
    assert [(meta.name, meta.region) for meta in config.meta_clusters] == [
        ("meta-eu", "europe-west1"),
        ("meta-us", "us-west2"),
    ]
    eu, us = config.workspace_clusters
    assert (eu.prefix, eu.governed_by, eu.labels) == ("eu", "meta-eu", {"tier": "gold", "team": "core"})
    assert us.prefix == "us"
    assert [step.step for step in config.pipeline] == ["create-cluster"]


def test_paths_are_relative_to_the_file_that_they_are_written_in(own: Path) -> None:
    config = load(own).config
    assert config is not None
    assert config.workspace_clusters[0].values_files == (str(own.parent / "bases/values.yaml"),)


@pytest.mark.parametrize(
    ("path", "file", "line"),
    [
        (("environment",), "own.yaml", 2),
        (("project", "id"), "base.yaml", 3),
        (("project", "bucket"), "own.yaml", 3),
        (("metaClusters", 0, "region"), "base.yaml", 5),
        (("metaClusters", 1, "region"), "own.yaml", 5),
        (("workspaceClusters", 0, "governedBy"), "base.yaml", 10),
        (("workspaceClusters", 0, "labels", "team"), "own.yaml", 11),
        (("workspaceClusters", 1, "prefix"), "own.yaml", 7),
    ],
)
def test_each_value_keeps_the_place_it_was_written_at(own: Path, path: Any, file: str, line: int) -> None:
    mark = load(own).locate(path)
    assert (mark.file.name, mark.line) == (file, line)


def test_a_fault_of_a_base_is_told_at_the_base(own: Path) -> None:
    base = own.parent / "bases/base.yaml"
    base.write_text(BASE.replace("region: us-west1", "region: us-west1, colour: blue"))
    (fault,) = load(own).faults
    assert fault.where is not None
    assert (fault.where.file.name, fault.where.line) == ("base.yaml", 6)


def test_later_bases_win_and_a_base_may_be_shared(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "a.yaml").write_text("extends: base.yaml\nproject: {network: a, bucket: a}\n")
    (tmp_path / "b.yaml").write_text("extends: base.yaml\nproject: {network: b}\n")
    path = tmp_path / "own.yaml"
    path.write_text("extends: [a.yaml, b.yaml]\n")
    document = load(path)
    assert document.config is not None
    assert (document.config.project.network, document.config.project.bucket) == ("b", "a")
    assert [file.name for file in document.files] == ["own.yaml", "a.yaml", "base.yaml", "b.yaml"]


def test_bases_that_double_at_each_level_are_read_once_each(tmp_path: Path) -> None:
    for level in range(30):
        (tmp_path / f"{level}.yaml").write_text(f"extends: [{level + 1}.yaml, {level + 1}.yaml]\n")
    (tmp_path / "30.yaml").write_text(BASE)
    document = load(tmp_path / "0.yaml")
    assert document.config is not None
    assert len(document.files) == 31


def test_an_endless_chain_of_bases_ends(tmp_path: Path) -> None:
    for level in range(80):
        (tmp_path / f"{level}.yaml").write_text(f"extends: {level + 1}.yaml\n")
    assert any("more than 50 files" in fault.message for fault in load(tmp_path / "0.yaml").faults)


keys = st.sampled_from("abcd")
values = st.recursive(st.integers(0, 9), lambda below: st.dictionaries(keys, below) | st.lists(below, max_size=3))
documents = st.dictionaries(keys, values, min_size=1)


def tree(document: Any) -> MappingNode:
    text = yaml.safe_dump(document, default_flow_style=True)
    root = compose(Source(Path("a.yaml"), text), text.split("\n"), {}).root
    assert isinstance(root, MappingNode)
    return root


def merged(base: Any, own: Any) -> Any:
    """What merging means, in the fewest words: the model that the real one is held to."""
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    return {key: merged(base.get(key), own[key]) if key in own else base[key] for key in base | own}


@settings(deadline=None)
@given(documents, documents)
def test_merging_is_deep_for_mappings_alone(base: Any, own: Any) -> None:
    assert plain(merge(tree(base), tree(own))) == merged(base, own)


@settings(deadline=None)
@given(documents, documents)
def test_merging_changes_neither_and_adds_nothing_to_itself(base: Any, own: Any) -> None:
    below, above = tree(base), tree(own)
    once = merge(below, above)
    assert plain(merge(once, above)) == plain(once)
    assert (plain(below), plain(above)) == (base, own)

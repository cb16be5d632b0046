"""Releases as files and as ConfigMaps, and what is told of faulty ones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.cluster_api import EXAMPLES
from jsonschema import Draft202012Validator

from ws_deployment.errors import UsageError
from ws_deployment.releases import marks
from ws_deployment.releases.json_schema import json_schema
from ws_deployment.releases.loader import (
    load_catalogue,
    load_config_maps,
    load_definition,
    load_folder,
)
from ws_deployment.releases.release import Release
from ws_deployment.releases.versions import Version

HEAD = "apiVersion: ws-deployment.dev/v1\n"
RELEASE = f"{HEAD}kind: Release\nversion: 1.2.0\nkubernetes: v1.33.0\npredecessors: [1.1.0]\n"
CLUSTER = (
    f"{HEAD}kind: ResourceDefaults\nname: cluster\nresource:\n  apiVersion: cluster.x-k8s.io/v1beta2\n"
    "  kind: Cluster\n  metadata: {name: '${cluster}'}\n"
)
WIDGET = f"{HEAD}kind: ResourceDefaults\nname: w\nresource:\n  apiVersion: t.io/v1\n  kind: Widget\n"
FIELDS = f"{HEAD}kind: MutableFields\n"


def folder(top: Path, **files: str) -> Path:
    """A folder of a release: a sound one, with some of its files written otherwise."""
    made = top / "a-release"
    made.mkdir()
    for name, text in {"release": RELEASE, "cluster": CLUSTER, **files}.items():
        if text:
            (made / f"{name}.yaml").write_text(text)
    return made


def entry(path: str, rule: str = "overwrite", kind: str = "'*'") -> str:
    return f"- {{kind: {kind}, path: '{path}', rule: {rule}, reason: because}}\n"


def test_the_examples_are_read(tmp_path: Path) -> None:
    found = load_folder(EXAMPLES / "21.0.0")
    assert not found.faults
    assert not found.warnings
    release = found.release
    assert release is not None
    assert (str(release.version), str(release.kubernetes)) == ("21.0.0", "v1.34.1")
    assert [one.name for one in release.resources] == [
        "control-plane",
        "worker-bootstrap",
        "workers",
        "worker-health",
        "cluster",
    ]
    assert release.follows(Version.of("20.1.7"))
    assert not release.follows(Version.of("20.0.9"))
    first = release.definition.layers[0][0]
    assert first.title == "mutable-fields.yaml:5:9 spec.version"
    # The same wherever it lies: places are told within the release.
    shutil.copytree(EXAMPLES / "21.0.0", tmp_path / "21.0.0")
    copied = load_folder(tmp_path / "21.0.0").release
    assert copied is not None
    assert copied.definition == release.definition


def as_config_maps(version: str) -> list[dict[str, Any]]:
    """What `kubectl create configmap --from-file` makes of a folder, spread over two."""
    files = sorted((EXAMPLES / version).glob("*.yaml"))
    return [
        {
            "metadata": {"name": f"release-{number}", "namespace": "releases", "labels": {marks.RELEASE: version}},
            "data": {file.name: file.read_text() for file in files[number::2]} | {"README.md": "not of the release"},
        }
        for number in range(2)
    ]


def contents(release: Release) -> Any:
    return (release.version, release.predecessors, release.resources, release.definition, release.description)


def test_config_maps_hold_the_same_as_folders() -> None:
    found = load_config_maps([*as_config_maps("20.1.0"), *as_config_maps("21.0.0")], "the cluster")
    assert not found.faulty
    there = {release.version: contents(release) for release in load_catalogue(EXAMPLES)}
    for release in found:
        version, predecessors, resources, definition, description = contents(release)
        expected = there[version]
        by_name = sorted(resources, key=lambda one: str(one.name))
        assert (predecessors, definition, description) == (expected[1], expected[3], expected[4])
        assert by_name == sorted(expected[2], key=lambda one: str(one.name))


def test_the_label_of_config_maps_is_held_against_the_version() -> None:
    maps = as_config_maps("20.1.0")
    for one in maps:
        one["metadata"]["labels"][marks.RELEASE] = "20.2.0"
    (faults,) = load_config_maps(maps, "the cluster").faulty.values()
    assert "the label of its ConfigMap says 20.2.0" in faults[0].message


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"release": ""}, "no file is of `kind: Release`"),
        ({"cluster": ""}, "no resource is a `kind: Cluster`"),
        ({"release": RELEASE.replace("1.2.0", "1.2")}, "release.yaml:3:10: YAML reads `1.2` as a number"),
        ({"release": RELEASE.replace("1.2.0", "'1.2'")}, "release.yaml:3:10: `version`: `1.2` is no version"),
        ({"release": RELEASE.replace("[1.1.0]", "['>1']")}, "release.yaml:5:16: `>1` allows the release itself"),
        ({"release": RELEASE.replace("[1.1.0]", "[1.3.0]")}, "release.yaml:5:16: `1.3.0` allows none that is older"),
        ({"release": RELEASE.replace("[1.1.0]", "[~1]")}, "`predecessors[0]`: `~1` is no range of versions"),
        ({"release": RELEASE.replace("predecessors", "predecesors")}, "`predecesors` is no key"),
        ({"release": RELEASE.replace("Release", "Releas")}, "release.yaml:2:7: there is no `kind: Releas`"),
        ({"release": RELEASE.replace("kind: Release\n", "")}, "`kind` is missing"),
        ({"release": "- a"}, "release.yaml:1:1: the document has to be a mapping"),
        ({"release": ""} | {"other": RELEASE, "more": RELEASE}, "more.yaml is of `kind: Release` too"),
        ({"release": "a: [\n"}, "release.yaml:1"),
        ({"w": WIDGET}, "w.yaml:4:1: an object that every cluster has needs its `metadata.name`"),
        ({"w": f"{WIDGET}  metadata: {{name: w}}\napplies: each\n"}, "w.yaml:7:20: with `applies: each`"),
        ({"w": f"{WIDGET}  metadata: {{name: w, uid: u}}\n"}, "w.yaml:7:23: `metadata.uid` is not a release's to set"),
        ({"w": f"{WIDGET}  metadata: {{name: w}}\n  status: {{}}\n"}, "a release can't set `status`"),
        ({"w": f"{WIDGET.replace('Widget', 'Secret')}  metadata: {{name: w}}\n"}, "a release holds no Secrets"),
        ({"w": WIDGET.replace("  kind: Widget\n", "  metadata: {name: w}\n")}, "`resource` has to tell its `kind`"),
        ({"w": CLUSTER}, "w.yaml:3:7: `cluster` is the name of cluster.yaml too"),
        ({"w": CLUSTER.replace("name: cluster", "name: w")}, "cluster.yaml is about the same object"),
        (
            {"cluster": f"{CLUSTER}  spec: {{topology: {{version: v1.32.0}}}}\n"},
            "cluster.yaml:8:30: `v1.32.0` is not the Kubernetes version of the release, which is v1.33.0",
        ),
        (
            {
                "release": RELEASE.replace("kubernetes: v1.33.0\n", ""),
                "cluster": f"{CLUSTER}  spec: {{topology: {{version: '${{kubernetes}}'}}}}\n",
            },
            "`${kubernetes}` stands for nothing",
        ),
        (
            {"cluster": f"{CLUSTER}  spec: {{a: [{{n: x}}, {{n: x}}]}}\nlists: [{{path: spec.a, keys: [n]}}]\n"},
            "`spec.a` has two items of n x",
        ),
        (
            {"cluster": f"{CLUSTER}  spec: {{a: [{{m: x}}]}}\nlists: [{{path: spec.a, keys: [n]}}]\n"},
            "an item of `spec.a` needs `n`",
        ),
        (
            {"cluster": f"{CLUSTER}  spec: {{a: 1}}\nlists: [{{path: spec.a, keys: [n]}}]\n"},
            "`spec.a` is no list in this resource",
        ),
        (
            {"f": f"{FIELDS}fields:\n{entry('spec.a')}{entry('spec.a', 'keep')}"},
            "f.yaml:5:21: `spec.a` is to be `keep` here and `overwrite` in f.yaml:4",
        ),
        (
            {"f": f"{FIELDS}fields:\n{entry('spec.a')}", "g": f"{FIELDS}fields:\n{entry('spec.a')}"},
            "g.yaml:4:21: `spec.a` stands in f.yaml:4 already",
        ),
        ({"f": f"{FIELDS}fields:\n{entry('status.a')}"}, "no upgrade changes `status.a`"),
        ({"f": f"{FIELDS}fields:\n{entry('metadata.name')}"}, "no upgrade changes `metadata.name`"),
        ({"f": f"{FIELDS}fields:\n{entry('spec..a')}"}, "`spec..a` is no path"),
        ({"f": f"{FIELDS}fields:\n{entry('spec.a', 'overwrit')}"}, "`fields[0].rule` can't be `overwrit`"),
        ({"f": f"{FIELDS}fields:\n{entry('spec.a', kind='Clutser')}"}, "no resource of the release is a `Clutser`"),
        (
            {"f": f"{FIELDS}renames: [{{kind: Cluster, from: spec.a, to: spec.a, reason: r}}]\n"},
            "`spec.a` is renamed to itself",
        ),
        (
            {
                "cluster": f"{CLUSTER}  spec: {{a: 1}}\n",
                "f": f"{FIELDS}renames: [{{kind: Cluster, from: spec.a, to: spec.b, reason: r}}]\n",
            },
            "`spec.a` is renamed, and cluster.yaml still has a default for it",
        ),
    ],
)
def test_what_contradicts_itself_is_told_with_its_place(tmp_path: Path, files: dict[str, str], told: str) -> None:
    found = load_folder(folder(tmp_path, **files))
    assert found.release is None
    said = [f"{one.where or ''}: {one.message}".replace(f"{tmp_path}/a-release/", "") for one in found.faults]
    assert any(told in one for one in said), said
    assert all(one.remedy or one.where for one in found.faults)


def test_a_placeholder_that_is_misspelt_is_warned_of_and_a_scripts_own_is_not(tmp_path: Path) -> None:
    text = f"{CLUSTER}  spec: {{a: '${{cluter}}', b: '${{HOSTNAME}}'}}\n"
    found = load_folder(folder(tmp_path, cluster=text))
    assert found.release is not None
    assert [one.message for one in found.warnings] == ["`${cluter}` stands for nothing here"]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    files = {
        "release": RELEASE.replace("1.1.0", "1.9.0"),
        "w": f"{WIDGET}  status: {{}}\n",
        "f": f"{FIELDS}fields:\n{entry('status')}",
    }
    assert len(load_folder(folder(tmp_path, **files)).faults) == 4


def test_a_folder_of_another_version_is_told(tmp_path: Path) -> None:
    made = folder(tmp_path).rename(tmp_path / "1.3.0")
    assert "the folder that it lies in is called 1.3.0" in load_folder(made).faults[0].message


def test_a_catalogue_leaves_out_what_is_faulty_and_tells_it(tmp_path: Path) -> None:
    for version in ("20.0.0", "20.1.0"):
        shutil.copytree(EXAMPLES / version, tmp_path / version)
    (tmp_path / "20.1.0" / "release.yaml").write_text("kind: Release\n")
    (tmp_path / "clusters").mkdir()
    found = load_catalogue(tmp_path)
    assert [str(one.version) for one in found] == ["20.0.0"]
    assert list(found.faulty) == [str(tmp_path / "20.1.0")]
    with pytest.raises(UsageError, match=r"At fault: .*20\.1\.0"):
        found.get("20.1.0")
    with pytest.raises(UsageError, match="is no version"):
        found.get("latest")
    assert found.get("v20.0.0").version == Version.of("20.0.0")


def test_two_releases_of_one_version_are_told(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(EXAMPLES / "20.0.0", tmp_path / name)
    with pytest.raises(UsageError, match=r"both .*one and .*two are it"):
        load_catalogue(tmp_path)


def test_what_can_not_be_read_is_told(tmp_path: Path) -> None:
    assert "it can't be read" in load_folder(tmp_path / "nowhere").faults[0].message
    (tmp_path / "empty").mkdir()
    assert "no file of a release is in it" in load_folder(tmp_path / "empty").faults[0].message
    with pytest.raises(UsageError, match="No such file"):
        load_catalogue(tmp_path / "nowhere")


def test_a_definition_of_its_own_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{FIELDS}fields:\n{entry('spec.a')}")
    found, faults = load_definition(file)
    assert not faults
    assert found is not None
    assert found.layers[0][0].title == "mine.yaml:4:21 spec.a"
    for text, why in ((RELEASE, "is of `kind: MutableFields`"), ("a: [", "")):
        file.write_text(text)
        found, faults = load_definition(file)
        assert found is None
        assert why in faults[0].message
    assert "can't be read" in load_definition(tmp_path / "nowhere")[1][0].message


def test_the_json_schema_takes_the_examples_and_refuses_what_the_loader_refuses() -> None:
    schema = Draft202012Validator(json_schema())
    files = list(EXAMPLES.glob("2*/*.yaml"))
    assert files
    for file in files:
        schema.validate(yaml.safe_load(file.read_text()))
    for text in (f"{HEAD}kind: Nothing\n", RELEASE.replace("predecessors", "x"), f"{FIELDS}fields: [{{path: a}}]\n"):
        assert not schema.is_valid(yaml.safe_load(text)), text

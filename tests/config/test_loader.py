from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ws_deployment.config.defaults import cluster_with_defaults
from ws_deployment.config.loader import load
from ws_deployment.config.v1 import ConfigV1, WorkspaceCluster, WorkspaceClusterDefaults

ROOT = Path(__file__).parents[2]
SHIPPED = [*sorted((ROOT / "configs").glob("*.yaml")), ROOT / "tests/data/everything.yaml"]
MINIMAL = """\
version: v1
environment: staging
project: demo
metaClusters: [{name: meta, region: europe-west1}]
workspaceClusters: [{prefix: eu, region: europe-west1, governedBy: meta}]
"""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_shipped_is_valid_and_its_snapshot_is_read_back(path: Path) -> None:
    document = load(path, env={})
    assert document.faults == []
    assert document.warnings == []
    assert document.config is not None
    snapshot = json.dumps(document.config.model_dump(mode="json", by_alias=True, exclude_unset=True))
    assert ConfigV1.model_validate(json.loads(snapshot)) == document.config


def test_variables_are_put_in_with_their_types(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        MINIMAL
        + "defaults: {parallelism: '${env:MANY}', retries: {initial: \"${env:WAIT:-2m}\"}}\n"
        + "terraform: {variables: {a: '$${env:MANY} ${other} ${env:MANY}${env:EMPTY:-}'}}\n"
    )
    config = load(path, env={"MANY": "3"}).config
    assert config is not None
    assert (config.defaults.parallelism, config.defaults.retries.initial) == (3, 120.0)
    assert config.terraform.variables == {"a": "${env:MANY} ${other} 3"}


def test_what_a_variable_holds_is_not_expanded_again(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL.replace("demo", "&p ${env:A}") + "terraform: {variables: {again: *p}}\n")
    config = load(path, env={"A": "${env:B}", "B": "never"}).config
    assert config is not None
    assert config.project.id == config.terraform.variables["again"] == "${env:B}"


def test_paths_are_made_absolute_and_other_texts_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        MINIMAL.replace("project: demo", "project: {id: demo, credentialsFile: ~/key.json}")
        + "terraform: {source: ./modules/gke, program: tofu, variables: {file: ./left/alone}}\n"
    )
    config = load(path, env={}).config
    assert config is not None
    assert config.project.credentials_file == str(Path.home() / "key.json")
    assert (config.terraform.source, config.terraform.program) == (str(tmp_path / "modules/gke"), "tofu")
    left_alone = config.terraform.variables["file"]
    assert left_alone == "./left/alone"
    assert type(left_alone) is str


def test_a_fault_and_what_only_follows_from_it_are_one(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL.replace("governedBy", "governdBy"))
    assert [fault.message for fault in load(path).faults] == ["`governdBy` is no key of `workspaceClusters[0]`"]


def test_rules_between_fields_are_judged_beside_faults_of_fields(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        MINIMAL.replace("staging", "nowhere").replace("governedBy: meta", "governedBy: mota")
        + "pipeline: [1, {step: a}]\nnotifications: [{}]\nterraform: []\n"
    )
    messages = [fault.message for fault in load(path).faults]
    assert "no meta cluster is called `mota`" in messages
    assert len(messages) == 5


def test_further_rules_are_judged_with_the_rest_and_not_on_what_was_put_in(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL.replace("environment: staging\n", ""))
    seen: list[ConfigV1] = []

    def rule(config: ConfigV1, document: object) -> list[object]:
        seen.append(config)
        return [document.fault(("environment",), "never told"), document.fault(("project",), "told")]  # type: ignore[attr-defined]  # a Document

    messages = [fault.message for fault in load(path, rules=[rule]).faults]  # type: ignore[list-item]  # told by objects
    assert messages == ["`environment` is missing", "told"]
    assert len(seen) == 1


def test_defaults_fill_what_a_cluster_leaves_open() -> None:
    defaults = WorkspaceClusterDefaults(region="us-east1", labels={"a": "1", "b": "1"}, values_files=("d.yaml",))
    cluster = WorkspaceCluster(prefix="eu", region="europe-west1", labels={"b": "2"})
    filled = cluster_with_defaults(cluster, defaults)
    assert (filled.region, filled.type, filled.create) == ("europe-west1", "gke", True)
    assert filled.labels == {"a": "1", "b": "2"}
    assert filled.values_files == ("d.yaml",)
    assert cluster_with_defaults(cluster.model_copy(update={"create": False}), defaults).create is False


def test_loading_imports_nothing_heavy() -> None:
    heavy = "grpc kubernetes google structlog httpx dbos rich typer pyhelm3 prometheus_client"
    code = (
        "import sys; from pathlib import Path; from ws_deployment.config.loader import load;"
        f"assert load(Path({str(ROOT / 'configs/production.yaml')!r})).config;"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

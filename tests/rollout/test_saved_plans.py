"""A saved plan is carried out as it was reviewed, or refused. On real parts."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from harness.program import Ended, program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import ClusterStatus, Registration, TlsMaterial
from ws_deployment.clients.helm_diff import read_manifest
from ws_deployment.clients.kube import Kube
from ws_deployment.lab.cluster import create_cluster
from ws_deployment.lab.meta import meta_endpoint
from ws_deployment.tools.bundled import bundled
from ws_deployment.tools.find import find
from ws_deployment.tools.folders import state_path

pytestmark = pytest.mark.real

JAEGER: dict[str, Any] = {
    "step": "install-jaeger",
    "with": {"chart": "./chart", "valuesFiles": ["values.yaml"], "values": {"made": "${cluster.shortName}"}},
}
PIPELINE: list[Any] = [
    "create-cluster",
    "install-gitpod",
    JAEGER,
    "register-cluster",
    {"step": "traffic-shift", "with": {"stages": [50, 100], "hold": 0}},
]


def project(folder: Path) -> Path:
    """A config with a chart, a values file and a Terraform module of its own."""
    shutil.copytree(bundled("charts/jaeger"), folder / "chart")
    shutil.copytree(bundled("terraform/local"), folder / "module")
    (folder / "values.yaml").write_text("{}\n")
    return write_config(folder, name="config.yaml", pipeline=PIPELINE, terraform={"source": "./module"})


def planned(config: Path, out: Path, cluster_id: int) -> dict[str, Any]:
    ended = program("plan", "-c", config, "--out", out, "--cluster-id", str(cluster_id))
    assert ended.code == 0, ended.out + ended.err
    plan: dict[str, Any] = json.loads(out.read_text())
    return {task["task"].split("/")[1]: task["plan"] for task in plan["tasks"]} | {"run": plan["run"]}


def registered() -> dict[str, ClusterStatus]:
    with BridgeClient(meta_endpoint("meta")) as bridge:
        return {status.name: status for status in bridge.list()}


def releases(kube: Kube) -> dict[str, str]:
    """Run of each release's record, by name and revision."""
    secrets = kube.list("v1", "Secret", "default", selector={"owner": "helm"})
    labels = [secret["metadata"]["labels"] for secret in secrets]
    return {f"{each['name']}.{each['version']}": each["ws-deployment.dev/run"] for each in labels}


def test_what_was_planned_is_done_and_whatever_has_moved_is_refused(tmp_path: Path) -> None:
    config = project(tmp_path)
    first = tmp_path / "first.json"
    planned(config, first, 1)
    assert not state_path().exists()
    assert (stat.S_IMODE(first.stat().st_mode), stat.S_IMODE(Path(f"{first}.files").stat().st_mode)) == (0o600, 0o700)
    done = program("apply", first, "--json")  # the meta cluster was not there when it was planned
    assert done.code == 0, done.out + done.err

    second = tmp_path / "second.json"
    plan = planned(config, second, 2)
    done = program("apply", second, "--json")
    assert done.code == 0, done.out + done.err
    effects_equal_the_plan(plan, done)

    refused(program("apply", second), f"it was applied already, by run {plan['run']}, which is done")
    third = tmp_path / "third.json"
    planned(config, third, 3)
    for move in MOVES:
        move(tmp_path, third)
    refused(program("apply", third), "it is stale: ", *MOVES.values())

    fourth = tmp_path / "fourth.json"
    planned(config, fourth, 4)
    create_cluster("gp-stag-ws-eu4-eu-west1", run_id="other", fleet="other")
    refused(program("apply", fourth), "eu4/create-cluster: what is to be done: was create", "of run other")
    assert not list(state_path().glob("fleets/*/*eu[34]-*/terraform/owner.json"))
    a_release_got_another_revision(tmp_path)


def effects_equal_the_plan(plan: dict[str, Any], done: Ended) -> None:
    outputs = {event["task"].split("/")[1]: event["data"]["outputs"] for event in done.of("task.finished")}
    kubeconfig = Path(outputs["create-cluster"]["kubeconfig"])
    kube = Kube(kubeconfig)
    assert {event["run"] for event in done.events} == {plan["run"]}
    state = json.loads((Path(outputs["create-cluster"]["folder"]) / "terraform.tfstate").read_text())
    made = {f"{each['module']}.{each['type']}.{each['name']}" for each in state["resources"]}
    named = {line[2:] for line in plan["create-cluster"]["diff"].splitlines() if line.startswith("+ ")}
    assert made == named
    assert releases(kube) == {"gitpod.1": plan["run"], "jaeger.1": plan["run"]}
    for step in ("install-gitpod", "install-jaeger"):
        for key, document in read_manifest(plan[step]["diff"]).items():
            there = {each["metadata"]["name"]: each for each in kube.list(key.api_version, key.kind, "default")}
            assert key.name in there, key
            if key.kind == "ConfigMap":
                assert there[key.name]["data"] == document["data"]
    assert plan["install-gitpod"]["unknown"] == ["Secret/gitpod-registry-token: data.token is made at random"]
    now = registered()
    assert (now["eu2"].score, now["eu2"].state.name, now["eu2"].governed) == (50, "AVAILABLE", True)
    assert (now["eu1"].score, now["eu1"].state.name) == (0, "CORDONED")
    carried_out = [event["data"]["name"] for event in done.of("subtask.finished") if event["task"].startswith("meta/")]
    assert carried_out == [subtask["name"] for subtask in plan["traffic-shift"]["subtasks"]]
    assert len(carried_out) == 6


def refused(ended: Ended, *told: str) -> None:
    assert ended.code == 4, ended.out + ended.err
    said = " ".join((ended.out + ended.err).split())
    for text in told:
        assert text in said
    assert "Traceback" not in ended.err


# -- how the world moves ---------------------------------------------------------------------------------------------


def registration(_folder: Path, _plan: Path) -> None:
    there = registered()["eu2"]
    kube = Kube(next(iter((state_path() / "lab" / "clusters").glob("*eu2-*"))) / "kubeconfig")
    secret = kube.secret("ws-manager-mk2-client-tls", "default") or {}
    tls = TlsMaterial(*(secret[key].decode() for key in ("ca.crt", "tls.crt", "tls.key")))
    with BridgeClient(meta_endpoint("meta")) as bridge:
        bridge.register(Registration(name="eu3", url=there.url.replace("127.0.0.1", "localhost"), tls=tls))


def weights(_folder: Path, _plan: Path) -> None:
    with BridgeClient(meta_endpoint("meta")) as bridge:
        bridge.set_score("eu1", 40)


def chart(folder: Path, _plan: Path) -> None:
    (folder / "chart" / "templates" / "more.yaml").write_text("# nothing\n")


def values(folder: Path, _plan: Path) -> None:
    (folder / "values.yaml").write_text("more: 1\n")


def module(folder: Path, _plan: Path) -> None:
    (folder / "module" / "more.tf").write_text("# nothing\n")


def terraform_state(_folder: Path, plan: Path) -> None:
    fleet = state_path() / "fleets" / json.loads(plan.read_text())["fleet"]
    folder = fleet / "gp-stag-ws-eu3-eu-west1" / "terraform"
    folder.mkdir(parents=True)
    other = next(fleet.glob("*eu1-*")) / "terraform" / "terraform.tfstate"
    shutil.copyfile(other, folder / "terraform.tfstate")


def another_program(_folder: Path, plan: Path) -> None:
    """The plan says of itself that another one made it: programs of two versions need not be here."""
    found = find("terraform")
    assert found
    text = plan.read_text()
    assert f"terraform {found.version}" in text
    plan.write_text(text.replace(f"terraform {found.version}", "terraform 1.6.0"))


#: What moves, and how the refusal tells it.
MOVES: dict[Callable[[Path, Path], None], str] = {
    registration: "eu3/register-cluster: registration at meta: was none, is with https://localhost",
    weights: "meta/traffic-shift: weight of eu1: was score 0 of at most 100, cordoned, is score 40",
    chart: "eu3/install-jaeger: chart: was jaeger 0.1.0, ",
    values: "eu3/install-jaeger: values: was ",
    module: "eu3/create-cluster: Terraform module: was ",
    terraform_state: "eu3/create-cluster: Terraform state: was none, is serial",
    another_program: "eu3/create-cluster: Terraform program: was terraform 1.6.0, is terraform 1",
}


def a_release_got_another_revision(folder: Path) -> None:
    kubeconfig = next(iter((state_path() / "lab" / "clusters").glob("*eu2-*"))) / "kubeconfig"
    cluster = {"prefix": "eu", "name": "eu2", "region": "europe-west1", "governedBy": "meta", "type": "existing"}
    cluster |= {"create": False, "kubeconfig": str(kubeconfig)}

    def config(traces: int) -> Path:
        step = {**JAEGER, "with": {**JAEGER["with"], "values": {"maxTraces": traces}}}
        return write_config(folder, f"{traces}.yaml", workspaceClusters=[cluster], pipeline=[step])

    out = folder / "revision.json"
    ended = program("plan", "-c", config(1), "--out", out, "--format", "markdown")
    assert ended.code == 0, ended.out + ended.err
    assert program("run", "-c", config(2), "--json").code == 0
    refused(program("apply", out), "install-jaeger: revision of the release: was 1, deployed, is 2, deployed")

"""The lab by its commands, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness.program import program

from ws_deployment.lab import daemon
from ws_deployment.lab.layout import lab_home


def test_an_empty_lab_says_so() -> None:
    shown = program("lab", "status")
    assert (shown.code, shown.out) == (0, "no meta clusters\nno clusters\n")
    assert json.loads(program("lab", "status", "--json").out) == {"metaClusters": [], "clusters": []}
    missing = program("lab", "kubeconfig", "eu17")
    assert missing.code == 2
    assert missing.err == "error: looking for lab cluster eu17: there is none\nLab clusters here: none.\n"
    assert program("lab", "down").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create",), "the following arguments are required: name"),
        (("create", "one", "--label", "nonsense"), "it is no KEY=VALUE"),
        (("create", "../one"), "RFC 1123"),
        (("delete", "one/.."), "RFC 1123"),
    ],
)
def test_mistakes_are_told_and_change_nothing(arguments: tuple[str, ...], said: str) -> None:
    ended = program("lab", "cluster", *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert not (lab_home() / "clusters").exists()


@pytest.mark.real
def test_a_day_in_the_lab() -> None:
    up = program("lab", "up", "--meta", "m1", "--meta", "m2", "--api", "2021")
    assert up.code == 0, up.err
    assert len(up.out.split()) == 2
    made = program("lab", "cluster", "create", "gp-stag-ws-eu17-eu-west1", "--run-id", "r1", "--label", "a=b=c")
    assert made.code == 0, made.err
    path = program("lab", "kubeconfig", "eu17").out
    assert path == made.out
    assert Path(path.strip()).stat().st_mode & 0o777 == 0o600
    assert program("lab", "cluster", "create", "gp-stag-ws-eu17-eu-west1", "--run-id", "r2").code == 3
    told = json.loads(program("lab", "status", "--json").out)
    assert [(meta["name"], meta["api"], meta["state"]) for meta in told["metaClusters"]] == [
        ("m1", "2021", "running"), ("m2", "2021", "running"),
    ]  # fmt: skip
    (cluster,) = told["clusters"]
    assert (cluster["state"], cluster["labels"], cluster["registrations"]) == ("running", {"a": "b=c"}, [])
    assert "not registered" in program("lab", "status").out
    sick = program("lab", "fault", "eu17", "--start-failures", "0.4", "--latency", "3")
    assert sick.out == "gp-stag-ws-eu17-eu-west1: 40 % of starts fail, starts take 3 s longer\n"
    assert program("lab", "fault", "m2", "--prometheus-down").out == "m2: Prometheus is down\n"
    shown = program("lab", "status").out.splitlines()
    assert [line.split() for line in shown if line.startswith(("SICK", "m2 "))] == [
        ["m2", "running", told["metaClusters"][1]["endpoint"], "2021", "stopped"],
        ["SICK", "FAULT"],
        ["m2", "Prometheus", "is", "down"],
    ]
    told = json.loads(program("lab", "status", "--json").out)
    # A reboot ends everything; `up` brings back what was there.
    daemon.end(daemon.strays(lab_home()), grace=0)
    assert "stopped" in program("lab", "status").out
    again = program("lab", "up", "--meta", "m1", "--meta", "m2", "--api", "2021")
    assert again.out == up.out
    assert json.loads(program("lab", "status", "--json").out) == told
    assert program("lab", "fault", "m2", "--clear").out == "m2: healthy\n"
    healed = json.loads(program("lab", "status", "--json").out)
    assert all(each["prometheus"]["running"] for each in healed["metaClusters"])
    assert program("lab", "fault", "eu17", "--unreachable").code == 0
    left = program("lab", "up", "--meta", "m1", "--api", "2021")
    assert "stays unreachable until `ws-deployment lab fault gp-stag-ws-eu17-eu-west1 --clear`" in left.err
    assert "unreachable" in program("lab", "status").out
    assert program("lab", "down").code == 0
    assert program("lab", "status").out == "no meta clusters\nno clusters\n"
    assert daemon.strays(lab_home()) == []


def test_faults_that_make_no_sense_are_told() -> None:
    for arguments, said in (
        (("eu17",), "ws-deployment lab up"),
        (("eu17", "--start-failures", "1.5"), "'--start-failures'"),
        (("eu17", "--latency", "-1"), "'--latency'"),
        (("eu17", "--latency", "nan"), "'--latency'"),
    ):
        ended = program("lab", "fault", *arguments)
        assert ended.code == 2
        assert said in ended.err


@pytest.mark.real
def test_tools_are_listed() -> None:
    listed = program("lab", "tools")
    assert listed.code == 0
    rows = [line.split() for line in listed.out.splitlines()]
    assert rows[0] == ["TOOL", "VERSION", "FROM", "PATH"]
    assert {row[0] for row in rows[1:]} >= {"etcd", "kube-apiserver", "kwok", "helm", "terraform"}

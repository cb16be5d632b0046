from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ws_deployment.clients.helm_releases import Release
from ws_deployment.clients.kube_lease import Holder
from ws_deployment.engine.behind import Behind, age
from ws_deployment.engine.survey import Row, Survey
from ws_deployment.engine.traffic_view import MetaTraffic
from ws_deployment.interfaces import Registration
from ws_deployment.output.page import Page
from ws_deployment.output.status import as_json, write

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUN = "20261121-091533-7f3a"


def cluster(number: int, **fields: object) -> Behind:
    named = {"name": f"gp-prod-ws-northamericaeast{number}-na-northeast1", "short_name": f"northamerica{number}"}
    known = {"there": True, "run": RUN, "fleet": "acme-production-of-northern-america", "created": "2026-11-18T12:00Z"}
    return Behind(**{**named, **known, **fields})  # type: ignore[arg-type]  # fields of many types


def survey() -> Survey:
    releases = tuple(Release(name, "default", name, "0.10.0-main.1234", "2021.11", 0) for name in ("gitpod", "jaeger"))
    found = (
        (Registration("northamerica17", 50, available=True), cluster(17, releases=releases), ""),
        (Registration("northamerica16", 0, available=False), cluster(16, there=False), "no cluster is behind it"),
        (Registration("other", 150, available=True, governed=False, static=True, limited=True), None, ""),
        (Registration("northamerica15", 0, available=True), cluster(15, created="", problem="out of reach " * 9), ""),
    )
    holder = Holder(f"run {RUN} (somebody on a-machine-with-a-long-name.example.com, process 7)", "", "", {}, {})
    metas = (
        MetaTraffic("prod-meta", tuple(each for each, _, _ in found), holder=holder),
        MetaTraffic("sad-meta", problem="it does not answer"),
        MetaTraffic("new-meta"),
    )
    rows = tuple(Row("prod-meta", each, 33.3, behind, orphan) for each, behind, orphan in found)
    loose = ((cluster(14, folder="/state/it's"), "registered nowhere"), (cluster(18), ""))
    return Survey("acme", metas, rows, loose, ("which clusters of type gke exist: no credentials",))


def test_all_of_it_fits_a_terminal_of_80_columns() -> None:
    lines = write(Page(), survey(), NOW).text().splitlines()
    command = "      terraform -chdir='/state/it'\"'\"'s' destroy"
    assert command in lines
    assert max(len(line) for line in lines) <= 80
    assert lines[1:3] == [
        "  CLUSTER         STARTS  SCORE  STATE      AGE  RUN",
        f"  northamerica17    33 %     50  available  3d   {RUN}",
    ]
    text = " ".join(" ".join(lines).split())
    for part in (
        "orphan: no cluster is behind it",
        "only some users, static, not governed, score at most 100, not of this config",
        "can't be asked: out of reach",
        "can't be asked: it does not answer",
        "no clusters are registered",
        "registered nowhere",
        f"its run {RUN} is at work",
        "which clusters of type gke exist: no credentials",
        "gitpod 0.10.0-main.1234 (app 2021.11)",
    ):
        assert part in text


def test_json_has_all_of_it() -> None:
    told = as_json(survey())
    assert [each["problem"] for each in told["metaClusters"]] == [None, "it does not answer", None]
    assert [each["cluster"] is None for each in told["clusters"]] == [False, False, True, False]
    assert told["clusters"][0]["cluster"]["releases"][0]["appVersion"] == "2021.11"
    assert [each["orphan"] for each in told["unregistered"]] == ["registered nowhere", None]


@pytest.mark.parametrize(
    ("created", "told"),
    [
        ("", ""),
        ("2026-11-21T11:59:30Z", "30s"),
        ("2026-11-21T12:00:30Z", "0s"),
        ("2026-11-21T11:00:00Z", "60m"),
        ("2026-11-20T11:00:00Z", "25h"),
        ("2026-11-01T12:00:00Z", "20d"),
    ],
)
def test_ages_are_told_in_one_unit(created: str, told: str) -> None:
    assert age(created, NOW) == told

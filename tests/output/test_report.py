"""The report as a document: its parse, not its looks. Where a Chromium is found it is asked for complaints too."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import warnings
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from harness import event_streams as streams
from harness import gated_streams as gated
from harness.kept_runs import keep

from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Word, opened
from ws_deployment.output.report import report
from ws_deployment.output.report.axis import Axis
from ws_deployment.output.standing import story

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m'
VOID = {"meta"}


class Document(HTMLParser):
    """Tags with their attributes and all text; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.tags if each == tag]


def written(folder: Path, what: streams.Story, status: Status = Status.DONE, until: float = float("inf")) -> str:
    run = keep(folder, what, status, until=until)
    with opened(State(folder)) as store:
        if status is Status.DONE:
            store.say(run.id, Word("approve", "eu17/register-cluster/ask", "bob@desk", EVIL, streams.BEGIN + 129.5))
        return report(story(store, run.id), streams.BEGIN + 1000.0)


def evil() -> streams.Story:
    told = streams.mixed()
    for _, _, _, data in told.happened:
        for key in ("diff", "reason", "remedy", "error", "summary", "message", "removal"):
            if key in data:
                data[key] = EVIL + "\n+ more"
    return told


def test_it_is_one_document_with_landmarks_headings_and_a_language(tmp_path: Path) -> None:
    document = Document(written(tmp_path, streams.mixed(), Status.FAILED))
    assert document.named("html") == [{"lang": "en"}]
    assert {tag for tag, _ in document.tags} >= {"header", "nav", "main", "footer", "title"}
    levels = [int(tag[1]) for tag, _ in document.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels.count(1) == 1
    assert all(next_ <= level + 1 for level, next_ in itertools.pairwise(levels))
    assert "Rollout of demo-staging, id 17" in document.text
    assert "0/3 nodes match its labels" in document.text
    assert "503 Service Unavailable (1)" in document.text
    assert f"ws-deployment runs retry {streams.RUN}" in document.text


def test_a_screen_reader_finds_all_that_is_drawn(tmp_path: Path) -> None:
    document = Document(written(tmp_path, streams.mixed(), Status.FAILED))
    for chart in document.named("svg"):
        assert chart["role"] == "img"
    assert "In the end: eu17 100 %, eu16 0 %." in document.text
    heads = document.named("th")
    assert heads
    assert all(head["scope"] in {"col", "row"} for head in heads)
    assert len(document.named("caption")) == len(document.named("table"))
    ids = [str(attributes["id"]) for _, attributes in document.tags if "id" in attributes]
    assert max(Counter(ids).values()) == 1
    assert {str(link["href"])[1:] for link in document.named("a")} <= set(ids)
    assert {name for chart in document.named("svg") for name in str(chart["aria-labelledby"]).split()} <= set(ids)
    bars = [each for each in document.named("span") if str(each.get("class", "")).startswith("bar ")]
    assert all(bar["title"] for bar in bars)
    assert sum("failed" in str(bar["class"]) for bar in bars) == 1


def test_nothing_is_fetched_and_nothing_runs_whatever_tools_said(tmp_path: Path) -> None:
    text = written(tmp_path, evil(), Status.DONE)
    document = Document(text)
    assert not {tag for tag, _ in document.tags} & {"script", "img", "link", "iframe", "object", "base"}
    for _, attributes in document.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert not {"src", "srcset", "action"} & attributes.keys()
        assert str(attributes.get("href", "#")).startswith("#")
    assert "url(" not in text
    assert "@import" not in text
    assert "\x1b" not in text
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in document.text
    (policy,) = (each for each in document.named("meta") if "http-equiv" in each)
    assert "default-src 'none'" in str(policy["content"])


def test_approvals_pauses_and_gaps_are_told(tmp_path: Path) -> None:
    document = Document(written(tmp_path, streams.approved()))
    for told in ("took the run up", "paused", "let it go on", "approved: eu17/register-cluster/ask", "bob@desk"):
        assert told in document.text
    assert "no process was at the run (" in document.text


def test_an_unfinished_run_has_a_report_too(tmp_path: Path) -> None:
    document = Document(written(tmp_path, streams.good(), Status.RUNNING, until=60.0))
    assert "not yet" in document.text
    assert "Not for long. No process is at it" in document.text
    assert "eu17 10 %" in document.text


def test_a_run_that_was_killed_before_its_first_event_has_a_report(tmp_path: Path) -> None:
    keep(tmp_path, streams.good(), Status.RUNNING, until=0.0)
    with opened(State(tmp_path)) as store:
        store.engine.connect().close()
        Document(report(story(store, streams.RUN), streams.BEGIN + 10.0))


def judged(folder: Path, what: streams.Story) -> Document:
    keep(folder, what, Status.TURNED_BACK, finished=what.events()[-1].at)
    with opened(State(folder)) as store:
        return Document(report(story(store, streams.RUN), streams.BEGIN + 1000.0))


def test_what_was_turned_back_stands_above_all_with_the_numbers_that_condemned_it(tmp_path: Path) -> None:
    document = judged(tmp_path, gated.turned_back())
    head, _, rest = document.text.partition("Traffic prod-meta-eu00")
    assert "The weights at prod-meta-eu00 are back as they were before the run." in head
    assert "gate start-failures of eun17" in head
    assert "value 0.209, baseline 0.02, 148 samples" in head
    assert 'sum(gitpod_ws_manager_mk2_workspace_start_failures{cluster="eun17"})' in head
    assert "↺ turned back" in rest
    marks = [each for each in document.named("line") if each.get("class") == "turn"]
    assert len(marks) == 5  # traffic and four gates


def test_each_gate_has_a_picture_with_its_limits_and_a_row_of_verdicts_for_each_cluster(tmp_path: Path) -> None:
    document = judged(tmp_path, gated.turned_back())
    assert len(document.named("svg")) == 5
    limits = [str(each["class"]) for each in document.named("line") if "limit" in str(each.get("class"))]
    assert Counter(limits) == {"limit good": 2, "limit bad": 2}  # of the two that judge a value
    compared = [each for each in document.named("path") if each["class"] == "line limit bad"]
    assert len(compared) == 2  # of the two that compare, it follows the old clusters
    assert [each for each in document.named("path") if each["class"] == "dots failed"]
    failed = [each for each in document.named("span") if each.get("class") == "bar failed"]
    assert ["bad, at most 1% error" in str(each["title"]) for each in failed] == [True]
    assert "start-failures of eun17 41 1 19 0 ✗ failed 0.209 0.02 turned back" in document.text
    assert "failed-stops of euw17 (dry run) 44 0 0 30" in document.text


def test_traffic_is_drawn_as_written_and_as_measured(tmp_path: Path) -> None:
    document = judged(tmp_path, gated.turned_back())
    areas = [each for each in document.named("path") if str(each["class"]).startswith("area ")]
    assert len(areas) == 6
    seen = [str(each["d"]) for each in document.named("path") if each["class"] == "line seen"]
    assert [d.count("M") for d in seen] == [3] * 5  # a boundary between two of six clusters, through three stages
    assert "measured: where each area would end" in document.text
    assert "wanted 16.7 % 16.7 % 16.7 % 16.7 % 16.7 % 16.7 %" in document.text


@pytest.mark.parametrize("what", [streams.good, streams.mixed, streams.approved, streams.interrupted])
def test_moments_keep_their_order_on_the_axis(what: type[streams.Story]) -> None:
    events = what().events()
    axis = Axis.of(events, events[-1].at, live=False)
    places = [axis.place(event.at) for event in events]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, pytest.approx(100.0, abs=0.01))


@pytest.mark.real
def test_a_browser_has_nothing_to_complain_of(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    told = gated.turned_back()
    for _, _, _, data in told.happened:
        data.update({key: EVIL for key in ("reason", "text", "query", "message") if key in data})
    keep(tmp_path / "state", told, Status.TURNED_BACK, finished=told.events()[-1].at)
    with opened(State(tmp_path / "state")) as store:
        file.write_text(report(story(store, streams.RUN), streams.BEGIN + 1000.0), encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if browser is None:
        warnings.warn("no Chromium on PATH: the report was parsed, but no browser has seen it", stacklevel=1)
        Document(file.read_text(encoding="utf-8"))
        return
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    logging = ("--enable-logging=stderr", "--v=0", "--dump-dom")
    argv = [browser, *options, *quiet, profile, *logging, file.as_uri()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count("<svg ") == 5
    assert 'class="bar turned-back"' in done.stdout
    assert "alert(1)&lt;/script&gt;" in done.stdout

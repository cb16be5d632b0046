"""Each file in tests/data/faults is told exactly as the text beside it says.

`WRITE_EXPECTED=1 pytest tests/config/test_faults.py` writes the texts anew: read the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ws_deployment.config.faults import Fault, Mark, in_order, render, to_json
from ws_deployment.config.loader import load
from ws_deployment.config.source import Source

FAULTS = Path(__file__).parents[1] / "data" / "faults"
CASES = sorted(path.stem for path in FAULTS.glob("*.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_faults_are_told_as_expected(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FAULTS)
    document = load(Path(f"{case}.yaml"), env={"REGION": "europe-west1"})
    told = render([*document.faults, *document.warnings], colour=False) + "\n"
    expected = Path(f"{case}.txt")
    if os.environ.get("WRITE_EXPECTED"):
        expected.write_text(told, "utf-8")
    assert told == expected.read_text("utf-8")
    assert document.config is None
    assert "hunter2" not in told + json.dumps(to_json(document.faults))
    assert all(len(line) <= 80 for line in told.splitlines())


def test_the_indented_config_is_told_whole_at_its_own_lines_and_columns() -> None:
    document = load(FAULTS / "indented-too-far.yaml")
    assert document.root is not None
    told = []
    for fault in in_order(document.faults):
        assert fault.where is not None
        start = fault.where.column - 1
        text = fault.where.source.line(fault.where.line)[start : start + fault.length]
        told.append((fault.where.line, fault.where.column, text))
    assert told == [
        (10, 11, "us-west-1"),
        (13, 5, "prefix"),
        (14, 17, "prod-meta-eu01"),
        (18, 5, "prefix"),
    ]
    assert [fault.remedy for fault in in_order(document.faults)] == [
        "Did you mean `us-west1`?",
        "Remove 2 spaces so that `prefix` stands below `region`.",
        "Did you mean `prod-meta-eu00`?",
        "Remove 2 spaces so that `prefix` stands below `region`.",
    ]
    assert document.warnings == []


def test_places_of_a_mended_file_are_those_of_the_file_as_it_is() -> None:
    document = load(FAULTS / "indented-too-far.yaml")
    mark = document.locate(("workspaceClusters", 1, "type"))
    assert (mark.line, mark.column) == (21, 11)


def test_colour_changes_nothing_but_the_colour() -> None:
    document = load(FAULTS / "indented-too-far.yaml")
    coloured = render(document.faults, colour=True)
    assert "\033[" in coloured
    for code in ("\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;34m", "\033[36m", "\033[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == render(document.faults, colour=False)


def test_wide_characters_are_underlined_in_their_columns() -> None:
    source = Source(Path("a.yaml"), "中文: 日本 # é")
    text = render([Fault("wrong", where=Mark(Path("a.yaml"), 1, 5, source), length=2)], colour=False)
    assert "    1 | 中文: 日本 # é\n      |       ^^^^" in text


def test_a_long_line_is_cut_around_the_fault() -> None:
    source = Source(Path("a.yaml"), "x" * 300 + " wrong " + "y" * 300)
    text = render([Fault("no", where=Mark(Path("a.yaml"), 1, 302, source), length=5)], colour=False)
    excerpt, underline = text.splitlines()[1:3]
    assert len(excerpt) <= 80
    assert excerpt[underline.index("^") : underline.rindex("^") + 1] == "wrong"


def test_what_a_file_says_can_not_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b'version: "\\e[2J\\x9b31m"\nenvironment: \x1b[2J\n')
    told = render(load(path).faults, colour=False)
    assert "\x1b" not in told
    assert "\x9b" not in told


def test_faults_without_a_place_come_first_and_keep_their_message(tmp_path: Path) -> None:
    told = to_json(load(tmp_path / "nowhere.yaml").faults)
    assert told[0]["line"] is None
    assert "no such file" in told[0]["message"]


def test_an_unreadable_file_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so modes prove nothing
    assert "may not be read" in load(tmp_path / "config.yaml").faults[0].message


def test_a_folder_and_a_huge_file_are_faults(tmp_path: Path) -> None:
    assert "folder" in load(tmp_path).faults[0].message
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * (1 << 20) + b"\n#")
    assert "larger than" in load(path).faults[0].message

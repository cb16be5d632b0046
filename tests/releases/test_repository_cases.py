"""Each file in repository_cases: files of a repository, what a plan changes, what they become or why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ws_deployment.errors import RefusedError
from ws_deployment.releases.paths import ABSENT, path_of
from ws_deployment.releases.plan import Action, FieldChange, ObjectPlan, Rule, UpgradePlan
from ws_deployment.releases.repository.resources import write

CASES = sorted((Path(__file__).parent / "repository_cases").glob("*.yaml"))


def plan_of(case: dict[str, Any]) -> UpgradePlan:
    return UpgradePlan("alpha", "org-acme", "1.0.0", "1.1.0", tuple(map(object_of, case["objects"])))


def object_of(told: dict[str, Any]) -> ObjectPlan:
    version, kind, name = told["object"].split(" ")
    changes = tuple(
        FieldChange(path_of(one["field"]), one.get("before", ABSENT), one.get("after", ABSENT), Rule.OVERWRITE)
        for one in told.get("changes", [])
    )
    action = Action(told.get("action", "change"))
    names = dict(zip(("namespace", "name"), name.split("/"), strict=True))
    result, replaces = told.get("result"), told.get("replaces", "")
    return ObjectPlan(version, kind, **names, action=action, changes=changes, result=result, replaces=replaces)


def content_of(text: str | None, case: dict[str, Any]) -> bytes | None:
    if text is None:
        return None
    data = (text.replace("\n", "\r\n") if case.get("crlf") else text).encode()
    return b"\xef\xbb\xbf" + data if case.get("bom") else data


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_files_become_what_the_case_says_and_writing_twice_changes_nothing(path: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(path.read_text("utf-8"))
    for name, text in case["files"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        given = text.rstrip("\n") if case.get("unended") else text
        (tmp_path / name).write_bytes(content_of(given, case) or b"")
    before = files_below(tmp_path)
    plans = [plan_of(case)]
    if "refused" in case:
        with pytest.raises(RefusedError) as caught:
            write(plans, tmp_path, case.get("path", ""))
        assert case["refused"] in str(caught.value)
        assert files_below(tmp_path) == before
        return
    wanted = {**before, **{name: content_of(text, case) for name, text in case["becomes"].items()}}
    assert sorted(map(str, write(plans, tmp_path, case.get("path", "")))) == sorted(case["becomes"])
    after = files_below(tmp_path)
    assert after == {name: data for name, data in wanted.items() if data is not None}
    assert write(plans, tmp_path, case.get("path", "")) == []
    assert files_below(tmp_path) == after

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.config.gates import Gate
from ws_deployment.traffic.judgement import Word
from ws_deployment.traffic.tally import STRENGTH, Tally, strongest

WORDS = st.lists(st.sampled_from(["success", "failed", "inconclusive", "error"]), max_size=40)
ACTIONS = st.sampled_from(["goOn", "hold", "ask", "rollback"])


def gate(**limits: Any) -> Gate:
    return Gate.model_validate({"name": "g", "query": "x{{cluster}}", "failWhen": "> 1", "limits": limits})


def after(words: list[Word], judged: Gate) -> tuple[Tally, str]:
    tally = Tally()
    action = ""
    for word in words:
        tally.count(word)
        action = tally.action(judged)
    return tally, action


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (["success"], ""),
        (["success"] * 2, "goOn"),
        (["success", "inconclusive", "success"], ""),
        (["failed"], ""),
        (["failed", "success", "success", "failed"], "rollback"),  # failures in all
        (["inconclusive", "success", "inconclusive", "error", "inconclusive"], "hold"),  # inconclusive in all
        (["error", "error", "success", "error"], ""),  # errors in a row
        (["error"] * 3, "hold"),
        (["error"] * 3 + ["success"] * 2, "goOn"),  # what passes is passed
        (["inconclusive"] * 9 + ["success"] * 2, "goOn"),
        (["inconclusive"] * 9 + ["success"] * 2 + ["inconclusive"], ""),
        (["failed"] * 2 + ["success"] * 9, "rollback"),  # but failures stay
    ],
)
def test_what_verdicts_lead_to(words: list[str], action: str) -> None:
    assert after(words, gate(success=2, failed=2, inconclusive=3, error=3))[1] == action


@given(words=WORDS, bad=ACTIONS, unsure=ACTIONS, broken=ACTIONS, limit=st.integers(1, 4))
def test_counts_are_apart_and_lead_to_what_is_configured(
    words: list[str], bad: str, unsure: str, broken: str, limit: int
) -> None:
    judged = Gate.model_validate(
        {
            "name": "g",
            "query": "x{{cluster}}",
            "failWhen": "> 1",
            "limits": {"success": limit, "failed": limit, "inconclusive": limit, "error": limit},
            "onFailed": bad,
            "onInconclusive": unsure,
            "onError": broken,
        }
    )
    tally, action = after(words, judged)
    assert tally.failed == words.count("failed")
    if tally.failed >= limit:
        assert action == bad
    elif words[-limit:] == ["success"] * limit:
        assert action == "goOn"
    elif "error" not in words and "inconclusive" not in words:
        assert action == ""
    if action == "goOn":
        assert words[-limit:] == ["success"] * limit or "goOn" in {bad, unsure, broken}
    assert Tally.of(tally.as_dict()) == tally


@given(st.lists(st.sampled_from(STRENGTH)))
def test_the_strongest_is_asked_for(actions: list[Any]) -> None:
    found = strongest(actions)
    assert found in actions or (found == "goOn" and not actions)
    assert all(STRENGTH.index(found) >= STRENGTH.index(action) for action in actions)
    assert strongest([*actions, "rollback"]) == "rollback"

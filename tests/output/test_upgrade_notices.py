"""What webhooks are told of scheduled upgrades, and what becomes of one that can't be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ws_deployment.engine.schedules import Schedule, Stage
from ws_deployment.engine.upgrading import Kind, Notice
from ws_deployment.output.upgrade_notices import UpgradeNotices, message_for

OPENS = datetime(2026, 11, 28, 1, 0, tzinfo=UTC).timestamp()
SCHEDULE = Schedule(
    id="s1",
    management="uid",
    cluster="org/alpha",
    from_version="25.0.0",
    to_version="25.1.0",
    plan="",
    fingerprint="",
    text="",
    zone="Europe/Berlin",
    opens=OPENS,
    closes=OPENS + 10800,
    ahead=900,
    status=Stage.SCHEDULED,
    outcome="",
    who="me",
    created=0,
    changed=0,
)


@pytest.mark.parametrize(
    ("kind", "status", "occasion", "title"),
    [
        (Kind.AHEAD, Stage.SCHEDULED, "waiting", "begins Sat 2026-11-28 02:00 CET (01:00 UTC)"),
        (Kind.BEGUN, Stage.UNDER_WAY, "start", "begins"),
        (Kind.ENDED, Stage.DONE, "end", "done"),
        (Kind.ENDED, Stage.FAILED, "failure", "failed"),
        (Kind.ENDED, Stage.REVIEW, "failure", "needs review"),
        (Kind.ENDED, Stage.MISSED, "failure", "missed"),
    ],
)
def test_each_end_has_its_occasion(kind: Kind, status: Stage, occasion: str, title: str) -> None:
    message = message_for(Notice(kind, replace(SCHEDULE, status=status), "why"))
    assert message is not None
    told = message.payload("json")
    assert (told["occasion"], told["title"]) == (occasion, f"upgrade of org/alpha to 25.1.0: {title}")
    assert (told["schedule"], told["cluster"], told["opens"]) == ("s1", "org/alpha", "2026-11-28T01:00:00Z")


@pytest.mark.parametrize("kind", [Kind.HELD, Kind.BUSY, Kind.AGAIN])
def test_what_the_next_call_tries_again_is_worth_no_message(kind: Kind) -> None:
    assert message_for(Notice(kind, SCHEDULE, "why")) is None


def test_a_variable_that_is_not_set_is_told_and_keeps_nothing_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_HOOK", raising=False)
    notices = UpgradeNotices()
    notices.tell(Notice(Kind.BEGUN, replace(SCHEDULE, notify=({"variable": "NO_SUCH_HOOK", "format": "slack"},)), "x"))
    (warning,) = notices.close()
    assert "NO_SUCH_HOOK" in warning

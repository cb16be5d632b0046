from __future__ import annotations

import json
import logging
import time

import pytest
from harness import event_streams as streams
from harness.http_server import receiver

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Notification
from ws_deployment.errors import WsDeploymentError
from ws_deployment.output.notify import NotifyOutput, Webhook, webhooks

EVERYTHING = frozenset({"start", "waiting", "failure", "end"})
TOKEN = "/services/T000/B000/secretsecret"


def test_start_waiting_failure_and_end_are_told_in_order() -> None:
    with receiver() as server:
        warnings = streams.play(NotifyOutput(Webhook(server.url + TOKEN, "json", EVERYTHING, "hook")), streams.mixed())
    assert warnings == []
    told = [json.loads(request.body) for request in server.requests]
    assert [each["occasion"] for each in told] == ["start", "waiting", "failure", "end"]
    assert told[1]["title"] == "demo-staging, id 17: prod-meta-eu00/traffic-shift waits"
    assert told[1]["text"] == "hold at 10 % for 600 s\neu17 10 %, eu16 90 %"
    assert told[2]["task"] == "us17/alive-test"
    assert "Look at the Pod's events" in told[2]["text"]
    assert told[3]["failures"] == ["us17/alive-test"]
    assert {each["run"] for each in told} == {streams.RUN}
    assert {request.path for request in server.requests} == {TOKEN}


def test_only_the_occasions_that_are_wished_for() -> None:
    with receiver() as server:
        streams.play(NotifyOutput(Webhook(server.url, "json", frozenset({"failure"}), "hook")), streams.mixed())
    assert [json.loads(request.body)["occasion"] for request in server.requests] == ["failure"]


def test_slack_gets_blocks_with_its_escapes() -> None:
    story = streams.Story({"meta": ("eu17",)})
    story.finish(1, "eu17/create-cluster", "failed", "<!channel> a & b " + "x" * 4000, 1.0)
    with receiver() as server:
        streams.play(NotifyOutput(Webhook(server.url, "slack", frozenset({"failure"}), "hook")), story)
    (payload,) = [json.loads(request.body) for request in server.requests]
    assert payload["text"] == "demo-staging, id 17: eu17/create-cluster failed"
    (section,) = payload["blocks"]
    assert section["text"]["type"] == "mrkdwn"
    assert section["text"]["text"].startswith(
        ":x: *demo-staging, id 17: eu17/create-cluster failed*\n&lt;!channel&gt; a &amp; b"
    )
    assert len(section["text"]["text"]) <= 3000


def test_a_server_that_fails_at_first_is_asked_again() -> None:
    with receiver([503, 429]) as server:
        started = time.monotonic()
        output = NotifyOutput(Webhook(server.url, "json", frozenset({"end"}), "hook"))
        assert streams.play(output, streams.good()) == []
        assert time.monotonic() - started < 5.5
    assert len(server.requests) == 3


def test_a_refusal_is_not_repeated_and_warned_of_without_the_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with receiver([404]) as server:
        output = NotifyOutput(Webhook(server.url + TOKEN, "json", frozenset({"end"}), "notification 1"))
        warnings = streams.play(output, streams.good())
    assert warnings == ["notification 1 was not delivered: the server answered 404"]
    assert len(server.requests) == 1
    assert "secretsecret" not in caplog.text
    assert "secretsecret" not in repr(Webhook(server.url + TOKEN, "json", EVERYTHING, "x"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/secretsecret", "http://[secretsecret", "http://\x00secretsecret"])
def test_whatever_is_wrong_with_a_url_it_is_not_told(url: str) -> None:
    warnings = streams.play(NotifyOutput(Webhook(url, "json", frozenset({"end"}), "hook"), linger=0.5), streams.good())
    assert len(warnings) == 1
    assert "secretsecret" not in warnings[0]


def test_a_server_that_hangs_holds_the_end_only_for_its_limit() -> None:
    with receiver(delay=1.5) as server:
        output = NotifyOutput(Webhook(server.url, "json", EVERYTHING, "hook"), linger=0.4)
        started = time.monotonic()
        warnings = streams.play(output, streams.good())
        assert time.monotonic() - started < 1.2
    assert warnings == ["hook was not delivered in time"]


def test_urls_come_by_reference_and_a_missing_one_is_a_warning() -> None:
    def secret(reference: SecretReference) -> str:
        if reference.variable == "MISSING":
            raise WsDeploymentError("reading the secret in", on="variable MISSING", why="it is empty or not set")
        return "ftp://secret" if reference.variable == "BAD" else "https://example.com/secret"

    wanted = [
        Notification(url=SecretReference(variable="HOOK"), format="slack", on=("end",)),
        Notification(url=SecretReference(variable="MISSING")),
        Notification(url=SecretReference(variable="BAD")),
    ]
    found, warnings = webhooks(wanted, secret)
    assert [(hook.format, hook.on) for hook in found] == [("slack", frozenset({"end"}))]
    assert warnings == (
        "notification 2 is left out: reading the secret in variable MISSING: it is empty or not set",
        "notification 3 is left out: its URL does not begin with https://",
    )

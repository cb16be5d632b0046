"""Tells webhooks of a run: at its start, when it waits, when something fails, at its end.

From a thread of its own, with retries, and with a bounded wait at the end: a webhook never blocks or fails a run.
The URL is a secret: it is in no message, no error and no log.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import tenacity

from ws_deployment import __version__
from ws_deployment.config.duration import format_duration
from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Notification
from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.errors import WsDeploymentError
from ws_deployment.output.advice import approval, going_on, turned_back
from ws_deployment.output.gates import split
from ws_deployment.output.model import RunView, TaskView
from ws_deployment.output.outputs import Output

Occasion = Literal["start", "waiting", "failure", "end"]

#: Seconds: for one request, and to wait for what is under way at the end of a run.
TIMEOUT = 5.0
LINGER = 5.0
#: A hold that is shorter is not worth a message, in seconds.
SHORTEST_HOLD = 60.0
_ATTEMPTS = 4
#: Slack cuts longer texts of a section: https://docs.slack.dev/reference/block-kit/blocks/section-block
_SLACK_TEXT = 3000
_ICONS = {"start": ":arrow_forward:", "waiting": ":hourglass_flowing_sand:", "failure": ":x:"}


@dataclass(frozen=True)
class Webhook:
    """Where messages go. `host` is what may be said of it."""

    url: str = field(repr=False)
    format: Literal["json", "slack"]
    on: frozenset[str]
    label: str


@dataclass(frozen=True)
class Message:
    """One thing told. `text` is for people, in lines; `facts` for programs."""

    occasion: Occasion
    title: str
    text: str
    status: str
    facts: Mapping[str, Any]

    def payload(self, form: Literal["json", "slack"]) -> dict[str, Any]:
        """What is posted: plain JSON, or Slack's blocks with a text for clients that show none."""
        if form == "json":
            told = {"v": 1, "occasion": self.occasion, "title": self.title, "text": self.text, "status": self.status}
            return {**told, **self.facts}
        icon = _ICONS.get(self.occasion) or (":white_check_mark:" if self.status == Status.DONE else ":warning:")
        body = f"{icon} *{_slack(self.title)}*\n{_slack(self.text)}".strip()
        section = {"type": "section", "text": {"type": "mrkdwn", "text": body[:_SLACK_TEXT]}}
        return {"text": _slack(self.title), "blocks": [section]}


def webhooks(
    notifications: Sequence[Notification], secret: Callable[[SecretReference], str]
) -> tuple[tuple[Webhook, ...], tuple[str, ...]]:
    """The config's notifications with their URLs read by `secret`, and a warning for each that can't be used."""
    found, warnings = [], []
    for number, notification in enumerate(notifications, start=1):
        label = f"notification {number}"
        try:
            url = secret(notification.url)
        except WsDeploymentError as error:
            warnings.append(f"{label} is left out: {error.attempted} {error.on}: {error.why}")
            continue
        if not url.startswith(("http://", "https://")):
            warnings.append(f"{label} is left out: its URL does not begin with https://")
            continue
        found.append(Webhook(url, notification.format, frozenset(notification.on), label))
    return tuple(found), tuple(warnings)


class NotifyOutput(Output):
    """Sends messages to one webhook, in order."""

    name = "notification"

    def __init__(self, webhook: Webhook, *, linger: float = LINGER) -> None:
        self._webhook = webhook
        self._linger = linger
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._failures: list[str] = []
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)

    def open(self) -> None:
        """Start the thread that sends."""
        # At the level INFO httpx logs each URL that it asks, and this one is a secret.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._thread.start()

    def take(self, event: Event, run: RunView) -> None:
        """Hand a message over where the event is an occasion for one."""
        message = message_for(event, run)
        if message is not None:
            self.send(message)

    def send(self, message: Message) -> None:
        """Hand a message over, where its occasion is one that is wanted."""
        if message.occasion in self._webhook.on:
            self._messages.put(message)

    def close(self, run: RunView | None = None) -> Sequence[str]:  # noqa: ARG002  it has been told of events
        """Wait a few seconds for what is still to be sent."""
        self._messages.put(None)
        end = time.monotonic() + self._linger
        self._thread.join(self._linger / 2)
        self._hurry.set()
        self._thread.join(max(end - time.monotonic(), 0.0))
        if self._thread.is_alive():
            return (f"{self._webhook.label} was not delivered in time",)
        return tuple(f"{self._webhook.label} was not delivered: {why}" for why in dict.fromkeys(self._failures))

    def _work(self) -> None:
        headers = {"User-Agent": f"ws-deployment/{__version__}"}
        with httpx.Client(timeout=TIMEOUT, headers=headers) as client:
            while (message := self._messages.get()) is not None:
                try:
                    self._send(client, message)
                except _UndeliveredError as error:
                    self._failures.append(str(error))

    def _send(self, client: httpx.Client, message: Message) -> None:
        tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _UndeliveredError) and error.may_pass),
            wait=tenacity.wait_exponential(multiplier=0.5, max=8.0) + tenacity.wait_random(0.0, 0.5),
            stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_when_event_set(self._hurry),
            sleep=self._pause,
            reraise=True,
        )(lambda: self._post(client, message))

    def _pause(self, seconds: float) -> None:
        self._hurry.wait(seconds)

    def _post(self, client: httpx.Client, message: Message) -> None:
        """One attempt. What goes wrong is told without the URL, which the library puts into its errors."""
        try:
            response = client.post(self._webhook.url, json=message.payload(self._webhook.format))
        except httpx.TransportError as error:
            raise _UndeliveredError(type(error).__name__, may_pass=True) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise _UndeliveredError("its URL is malformed", may_pass=False) from None
        if not response.is_success:
            may_pass = response.is_server_error or response.status_code in {408, 429}
            raise _UndeliveredError(f"the server answered {response.status_code}", may_pass=may_pass)


class _UndeliveredError(Exception):
    def __init__(self, why: str, *, may_pass: bool) -> None:
        super().__init__(why)
        self.may_pass = may_pass


def message_for(event: Event, run: RunView) -> Message | None:
    """The message that an event is worth; None for most."""
    facts = {"run": run.run, "fleet": run.fleet, "environment": run.environment, "clusterId": run.cluster_id}
    task = run.tasks[event.task] if event.task else None
    where = f"{run.fleet}, id {run.cluster_id}"
    if event.kind is Kind.RUN_STARTED:
        names = ", ".join(cluster.name for cluster in run.clusters)
        text = f"{names}\nrun {run.run}" + (f", undoes {run.undoes}" if run.undoes else "")
        return Message("start", f"{where}: {run.what} started", text, Status.RUNNING, facts)
    if event.kind is Kind.RUN_RESUMED:
        text = f"run {run.run}, by {event.data['who']} on {event.data['host']}"
        return Message("start", f"{where}: {run.what} taken up again", text, Status.RUNNING, facts)
    if task is not None:
        return _of_task(event, task, run, where, facts)
    if event.kind is Kind.RUN_FINISHED and run.status is not Status.WAITING:  # that it waits was told
        took = format_duration(run.seconds or 0.0)
        counts = ", ".join(f"{count} {status}" for status, count in run.counts.items())
        lines = [counts, *(f"{task.key}: {task.reason}" for task in run.faults), run.problem_text]
        lines += [f"{refusal['task']}: {refusal['reason']}" for refusal in run.refusals]
        ended = {**facts, "seconds": run.seconds, "failures": [task.key for task in run.faults]}
        lines += [turned_back(run)] if any(back.done for back in run.turned_back) else []
        lines += [f"{what} {command}" for what, command in going_on(run).items()]
        text = "\n".join(line for line in lines if line)
        return Message("end", f"{where}: {run.what} {run.status} in {took}", text, run.status, ended)
    return None


def _of_task(event: Event, task: TaskView, run: RunView, where: str, facts: Mapping[str, Any]) -> Message | None:
    if event.kind is Kind.TASK_WAITING:
        return _waiting(event, task, run, where, facts)
    if event.kind is Kind.TASK_WITHDRAWN:
        question = str(event.data["text"])
        facts = {**facts, "task": task.key, "question": question, "withdrawn": True}
        return Message("waiting", f"{where}: {task.key} waits for approval no more", question, task.status, facts)
    if event.kind is Kind.TASK_TURNING_BACK:
        return _turning_back(event, task, run, where, facts)
    told = task.status is Status.TURNED_BACK  # as it turned
    if event.kind is not Kind.TASK_FINISHED or not task.status.at_fault or told:
        return None
    text = f"{task.reason}\n{task.remedy}".strip()
    return Message("failure", f"{where}: {task.key} {task.status}", text, task.status, {**facts, "task": task.key})


def _waiting(event: Event, task: TaskView, run: RunView, where: str, facts: Mapping[str, Any]) -> Message | None:
    """Told once a wait, however often processes take it up; a short hold is not told."""
    until = event.data["until"]
    if run.waits[task.key, str(event.data["name"])] > 1:
        return None
    if until is not None:
        seconds = round(until - event.at, 3)
        if seconds < SHORTEST_HOLD:
            return None
        text = f"{task.doing}\n{_traffic(run, task)}".strip()
        facts = {**facts, "task": task.key, "seconds": seconds}
        return Message("waiting", f"{where}: {task.key} waits", text, Status.WAITING, facts)
    command = approval(run, task)
    text = "\n".join(line for line in (task.asks, _traffic(run, task), f"to say yes: {command}") if line)
    facts = {**facts, "task": task.key, "question": task.asks, "approve": command}
    return Message("waiting", f"{where}: {task.key} waits for approval", text, Status.WAITING, facts)


def _turning_back(event: Event, task: TaskView, run: RunView, where: str, facts: Mapping[str, Any]) -> Message | None:
    """Told at once, with the numbers; and once, however often processes take the way back up."""
    back = run.turning(event)
    if back.told > 1:
        return None
    lines = [back.reason]
    lines += [f"{gate.name}: {gate.numbers}; {gate.limits}; asked: {gate.query}" for gate in back.gates]
    lines += ["the whole run is taken back"] if back.whole_run else []
    names = ", ".join(back.clusters)
    told = {**facts, "task": task.key, "clusters": list(back.clusters), "gates": [g.as_json() for g in back.gates]}
    return Message("failure", f"{where}: {task.key} turns back {names}", "\n".join(lines), Status.TURNED_BACK, told)


def _traffic(run: RunView, task: TaskView) -> str:
    return split(run.traffic.get(task.target, {}), run.measured.get(task.target))


def _slack(text: str) -> str:
    """Escaped as Slack asks for: https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""Tells webhooks of scheduled upgrades: ahead of their time, when they begin, how they end, that one was missed.

A schedule keeps the names of the variables that hold the URLs; each who tells reads them in its own environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Notification
from ws_deployment.engine.secrets import read_secret
from ws_deployment.engine.upgrading import Kind, Notice
from ws_deployment.output.notify import Message, NotifyOutput, Occasion, webhooks

_OCCASIONS: Mapping[Kind, Occasion] = {Kind.AHEAD: "waiting", Kind.BEGUN: "start", Kind.ENDED: "end"}


class UpgradeNotices:
    """Sends notices to the webhooks of their schedules, each from a thread of its own."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], NotifyOutput] = {}
        self._warnings: list[str] = []

    def tell(self, notice: Notice) -> None:
        """Hand a notice over where it is worth a message."""
        message = message_for(notice)
        if message is None:
            return
        for wish in notice.schedule.notify:
            output = self._output(wish["variable"], wish["format"])
            if output is not None:
                output.send(message)

    def close(self) -> list[str]:
        """Wait a few seconds for what is still to be sent; what could not be delivered."""
        told = list(self._warnings)
        for output in self._open.values():
            told += output.close()
        return told

    def _output(self, variable: str, form: str) -> NotifyOutput | None:
        key = (variable, form)
        if key not in self._open:
            chosen: Literal["json", "slack"] = "slack" if form == "slack" else "json"
            wish = Notification(url=SecretReference(variable=variable), format=chosen)
            found, warnings = webhooks([wish], lambda reference: read_secret(reference, Path()))
            self._warnings += warnings
            for webhook in found:
                output = self._open[key] = NotifyOutput(replace(webhook, label=f"the webhook in {variable}"))
                output.open()
        return self._open.get(key)


def message_for(notice: Notice) -> Message | None:
    """The message that a notice is worth; None for what the next call tries again."""
    occasion = "failure" if notice.bad else _OCCASIONS.get(notice.kind)
    if occasion is None:
        return None
    one = notice.schedule
    title = f"upgrade of {one.cluster} to {one.to_version}: {_stands(notice)}"
    facts = {"schedule": one.id, "cluster": one.cluster, "from": one.from_version, "to": one.to_version}
    return Message(occasion, title, notice.text, str(one.status), {**facts, "opens": one.as_json()["opens"]})


def _stands(notice: Notice) -> str:
    if notice.kind is Kind.AHEAD:
        return f"begins {notice.schedule.when}"
    return "begins" if notice.kind is Kind.BEGUN else str(notice.schedule.status)

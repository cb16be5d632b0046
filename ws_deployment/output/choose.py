"""Chooses the outputs of a run: what was asked for, else what fits the terminal or the CI system that it runs in.

What is heavy to import is imported here, when it was chosen.
"""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Notification
from ws_deployment.engine.events import EventBus
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output, Outputs


class Format(enum.StrEnum):
    """How a run is told. `auto` is told by the surroundings."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"
    WERFT = "werft"
    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True)
class Streams:
    """Where results (`stdout`) and the story (`stderr`) go. CI systems read folds and commands from stdout."""

    stdout: TextIO
    stderr: TextIO


@dataclass(frozen=True)
class Wishes:
    """What else was asked for. `secret` reads what a notification's URL refers to.

    `summary` makes what the last JSON line carries.
    """

    notifications: Sequence[Notification] = ()
    secret: Callable[[SecretReference], str] | None = None
    metrics_textfile: Path | None = None
    summary: Callable[[RunView], Mapping[str, Any]] | None = None


def outputs_for(
    form: Format, bus: EventBus, streams: Streams, environment: Mapping[str, str], wishes: Wishes | None = None
) -> Outputs:
    """All outputs of a run, as one context manager."""
    wishes = wishes or Wishes()
    for stream in (streams.stdout, streams.stderr):
        _never_fail_to_encode(stream)
    outputs = _story(form, streams, environment, wishes)
    warnings: list[str] = []
    if wishes.metrics_textfile is not None:
        from ws_deployment.output.textfile import TextfileOutput  # noqa: PLC0415  heavy

        outputs.append(TextfileOutput(wishes.metrics_textfile))
    if any(name.startswith("OTEL_") for name in environment):
        from ws_deployment.output.traces import open_traces  # noqa: PLC0415  an optional extra

        traces, complaints = open_traces(environment)
        outputs += traces
        warnings += complaints
    if wishes.notifications and wishes.secret is not None:
        from ws_deployment.output.notify import NotifyOutput, webhooks  # noqa: PLC0415  heavy

        found, complaints = webhooks(wishes.notifications, wishes.secret)
        outputs += [NotifyOutput(webhook) for webhook in found]
        warnings += complaints
    return Outputs(bus, outputs, streams.stderr, warnings)


def resolve(form: Format, streams: Streams, environment: Mapping[str, str]) -> Format:
    """The format that `auto` stands for here."""
    if form is not Format.AUTO:
        return form
    if environment.get("GITHUB_ACTIONS") == "true":
        return Format.GITHUB
    if environment.get("GITLAB_CI"):
        return Format.GITLAB
    terminal = streams.stderr.isatty() and environment.get("TERM") != "dumb"
    return Format.LIVE if terminal and not environment.get("CI") else Format.PLAIN


def watching(form: Format, stream: TextIO, environment: Mapping[str, str]) -> Output:
    """The output for somebody who watches a run of another process: the live view, or lines where it can't be drawn."""
    _never_fail_to_encode(stream)
    chosen = resolve(form, Streams(stream, stream), environment)
    return _live(stream, environment) if chosen is Format.LIVE else _plain(stream)


def _story(form: Format, streams: Streams, environment: Mapping[str, str], wishes: Wishes) -> list[Output]:
    match resolve(form, streams, environment):
        case Format.JSON:
            return _json(streams, environment, wishes)
        case Format.LIVE:
            return [_live(streams.stderr, environment)]
        case Format.WERFT:
            from ws_deployment.output.werft import WerftOutput  # noqa: PLC0415  chosen

            return [WerftOutput(streams.stdout)]
        case Format.GITHUB:
            from ws_deployment.output.github import GitHubOutput  # noqa: PLC0415  chosen

            return [GitHubOutput(streams.stdout, environment)]
        case Format.GITLAB:
            from ws_deployment.output.gitlab import GitLabOutput  # noqa: PLC0415  chosen

            return [GitLabOutput(streams.stdout)]
        case _:
            return [_plain(streams.stderr)]


def _json(streams: Streams, environment: Mapping[str, str], wishes: Wishes) -> list[Output]:
    """JSON on stdout; the story beside it on stderr where the two cannot meet on one terminal."""
    from ws_deployment.output.json_lines import JsonLinesOutput  # noqa: PLC0415  chosen
    from ws_deployment.output.summary import Summary  # noqa: PLC0415  chosen

    lines = JsonLinesOutput(streams.stdout, wishes.summary or (lambda run: Summary(run).as_json()))
    if not streams.stderr.isatty():
        return [lines, _plain(streams.stderr)]
    if _is_file(streams.stdout) and environment.get("TERM") != "dumb":
        return [lines, _live(streams.stderr, environment)]
    return [lines]


def _is_file(stream: TextIO) -> bool:
    """Whether it is redirected to a file; what reads a pipe may write to the terminal (`--json | jq`)."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _plain(stream: TextIO) -> Output:
    from ws_deployment.output.plain import PlainOutput  # noqa: PLC0415  heavy

    return PlainOutput(stream)


def _live(stream: TextIO, environment: Mapping[str, str]) -> Output:
    """The live view; on a stream that can't be drawn on, lines."""
    from rich.console import Console  # noqa: PLC0415  heavy

    from ws_deployment.output.live import LiveOutput  # noqa: PLC0415  heavy

    console = Console(file=stream, highlight=False, no_color=bool(environment.get("NO_COLOR")) or None)
    return LiveOutput(console) if console.is_terminal else _plain(stream)


def _never_fail_to_encode(stream: TextIO) -> None:
    """A character that the stream's encoding lacks must not end a run."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")

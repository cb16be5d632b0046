"""Terraform's machine-readable output (`-json`): progress as texts, diagnostics as an error's why.

Lines are those of https://developer.hashicorp.com/terraform/internals/machine-readable-ui. Running is not done here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

#: What providers and backends say when the same attempt may succeed later.
_TRANSIENT = re.compile(
    r"""acquiring\ the\ state\ lock | rate.?limit | too\ many\ requests | quota\ exceeded.*per\ minute
    | time[d]?[\ -]?out | deadline\ exceeded | connection\ (?:refused|reset) | broken\ pipe | no\ such\ host
    | tls\ handshake | i/o\ timeout | temporar(?:y|ily) | unavailable | \bunexpected\ eof\b
    | (?:error|status|code|http)\D{0,12}(?:429|50[0234])\b | internal\ server\ error | bad\ gateway
    | operation\ .{0,80}in\ progress | failed\ to\ (?:query|install)\ .*provider""",
    re.IGNORECASE | re.VERBOSE,
)
_DOING = {"create": "creating", "update": "changing", "delete": "destroying", "read": "reading"}


@dataclass(frozen=True)
class Diagnostic:
    """One error or warning in Terraform's own words, with the place in the configuration where it has one."""

    severity: str
    summary: str
    detail: str = ""
    place: str = ""

    def __str__(self) -> str:
        text = f"{self.summary}: {self.detail}" if self.detail else self.summary
        return f"{text} ({self.place})" if self.place else text

    @property
    def transient(self) -> bool:
        """Whether the same attempt may succeed later."""
        return _TRANSIENT.search(f"{self.summary} {self.detail}") is not None


class Stream:
    """Takes a child's lines one by one: keeps diagnostics, tells progress, writes people's text to the log.

    `log` gets each line's message and not the JSON around it, which people do not read. Both streams of the child come
    through here, from two threads: a line is written whole.
    """

    def __init__(self, log: IO[str] | None, on_progress: Callable[[str], None] | None) -> None:
        self._log, self._on_progress = log, on_progress
        self.diagnostics: list[Diagnostic] = []
        self.plain: list[str] = []

    def take(self, line: str) -> None:
        """Take one line, of either stream."""
        event = _event(line)
        if event is None:
            self.plain.append(line)
            self._write(line)
            return
        self._write(str(event.get("@message", "")))
        if event.get("type") == "diagnostic":
            self.diagnostics.append(_diagnostic(event["diagnostic"]))
        elif self._on_progress and (text := _progress(event)):
            self._on_progress(text)

    def errors(self) -> list[Diagnostic]:
        """The errors told so far; plain text where Terraform failed before it could speak JSON."""
        told = [diagnostic for diagnostic in self.diagnostics if diagnostic.severity == "error"]
        text = "\n".join(line for line in self.plain if line.strip())
        return told or ([Diagnostic("error", text)] if text else [])

    def _write(self, text: str) -> None:
        if self._log:
            self._log.write(f"{text}\n")
            self._log.flush()


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "@message" in event else None


def _diagnostic(said: Mapping[str, Any]) -> Diagnostic:
    where = said.get("range") or {}
    line = (where.get("start") or {}).get("line")
    place = f"{Path(where['filename']).name}:{line}" if where.get("filename") else ""
    detail = " ".join(str(said.get("detail", "")).split())
    return Diagnostic(str(said.get("severity", "error")), str(said.get("summary", "")), detail, place)


def _progress(event: Mapping[str, Any]) -> str:
    hook = event.get("hook") or {}
    address = (hook.get("resource") or {}).get("addr", "")
    doing = _DOING.get(hook.get("action", ""), hook.get("action", ""))
    match event.get("type"):
        case "apply_start":
            return f"{doing} {address}"
        case "apply_progress":
            return f"{doing} {address} ({hook.get('elapsed_seconds', 0):.0f} s)"
        case "apply_complete":
            return f"{doing} {address} done"
        case "provision_progress":
            return str(hook.get("output", ""))
        case "change_summary":
            return str(event.get("@message", ""))
        case _:
            return ""

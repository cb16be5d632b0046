"""The events of a run as JSON lines on stdout, one object each and nothing else; docs/events.md documents them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TextIO

from ws_deployment.engine.events import Event, Kind
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output


class JsonLinesOutput(Output):
    """Writes each event as it comes; `run.finished` carries the summary."""

    name = "json"

    def __init__(self, stream: TextIO, summary: Callable[[RunView], Mapping[str, Any]]) -> None:
        self._stream = stream
        self._summary = summary

    def take(self, event: Event, run: RunView) -> None:
        """Write one line and let it go at once: whoever reads may be waiting for it."""
        if event.kind is Kind.RUN_FINISHED:
            event = replace(event, data={**event.data, "summary": self._summary(run)})
        self._stream.write(json.dumps(event.as_json(), separators=(",", ":"), default=str) + "\n")
        self._stream.flush()

"""The end of a task's kept output, for logs that outlive the machine on which the file is."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from ws_deployment.output.glyphs import clean
from ws_deployment.redaction import redact

#: Lines of a task's output that are repeated in a log.
LINES = 200


def last_lines(file: Path | None) -> list[str]:
    """The last lines of the file, clean, secrets masked; none where there is no file."""
    if file is None:
        return []
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            kept = deque(enumerate(stream, start=1), maxlen=LINES)
    except OSError:
        return []
    lines = [clean(redact(line)).rstrip() for _, line in kept]
    left_out = kept[0][0] - 1 if kept else 0
    return [f"… {left_out} lines before these are in {file.name}", *lines] if left_out else lines

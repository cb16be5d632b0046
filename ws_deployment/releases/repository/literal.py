"""A text of several lines in block style (`|`) that changes: lines that stay the same keep their bytes."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from ws_deployment.releases.repository import render
from ws_deployment.releases.repository.patch import Patch
from ws_deployment.releases.repository.tree import Scalar

_BREAK = re.compile(r"\r\n?|\n")
_HEADER = re.compile(r"[|>][-+0-9]*")


def change_literal(patch: Patch, node: Scalar, want: str, indent: int) -> None:
    """Have the block at `node` say `want`. `indent` is where its lines begin if it has none to go by."""
    header, new = render.as_literal(want) or ("|", [])
    text, layout = patch.layout.text, patch.layout
    first = layout.next_line(node.body)
    there = _BREAK.split(text[first : node.end]) if first < node.end else []
    found = _HEADER.match(text, node.body)
    assert found  # noqa: S101  its style is that of a block
    told = re.sub(r"[^0-9]", "", found[0])
    deep = [len(line) - len(line.lstrip(" ")) for line in there if line.strip(" ")]
    # A header with a digit says how far its lines are indented; the digit counts from where nobody here looks.
    margin = min(deep) if deep and not told else indent
    patch.put(node.body, found.end(), header)
    if not there:
        patch.put_lines(layout.next_line(node.end), new, margin)
        return
    said = [line[margin:] for line in there] if not told and node.style == "|" else []
    lines = render.indented(new, margin)
    for kind, low, high, begin, end in SequenceMatcher(None, said, new, autojunk=False).get_opcodes():
        if kind == "equal":
            lines[begin:end] = there[low:high]
    ends = node.end == len(text) and want.endswith("\n")  # the last line of a text without a line end
    patch.put(first, node.end, layout.line_break.join(lines) + layout.line_break * ends)

"""Text that is nothing but text in GitHub-flavoured Markdown: it makes no links, mentions, headings or HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ws_deployment.output.glyphs import clean

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")
#: Characters that turn the direction of a text, by which it would read other than it is.
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def upright(text: str) -> str:
    """`text` without what steers terminals or turns the direction of reading."""
    return _TURNS.sub("", clean(text))


def _line(text: str) -> str:
    return " ".join(upright(text).split())


def text_of(text: str) -> str:
    """Text that is nothing but text in Markdown."""
    escaped = _MARKUP.sub(r"\\\1", html.escape(_line(text), quote=False))
    return _unlinked(escaped)


def html_of(text: str) -> str:
    """Text that is nothing but text within an HTML element."""
    return _unlinked(html.escape(_line(text)))


def _unlinked(text: str) -> str:
    """Without what a forge would make a mention or a link of: an empty comment takes it apart unseen."""
    return re.sub(r"(@|://|\bwww\.)", lambda match: f"{match[1][0]}<!-- -->{match[1][1:]}", text)


def code(text: str) -> str:
    """Text in a code span, also within a table."""
    cleaned = _line(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", cleaned)), default=0) + 1)
    pad = " " if cleaned.startswith("`") or cleaned.endswith("`") else ""
    return f"{ticks}{pad}{cleaned}{pad}{ticks}" if cleaned else ""


def fenced(listing: str, language: str) -> Iterator[str]:
    """Lines in a fence that nothing in them can end."""
    lines = upright(listing).splitlines()
    longest = max((len(run) for run in re.findall(r"`+", "\n".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield from lines
    yield fence

"""JSON values as YAML text, in the style of what stands there already. Where it is put is edit.py's work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from ws_deployment.config.scalars import resolve
from ws_deployment.releases.repository.layout import Habits

#: Characters that begin something else than a plain text.
_INDICATORS = set("-?:,[]{}#&*!|>'\"%@`=<~")
#: Words that one reader or another takes for a truth or for nothing.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_FLOW = re.compile(r"[,\[\]{}]")
#: YAML 1.1 reads `5e-324` as a text: its numbers need a point before the exponent.
_WHOLE_MANTISSA = re.compile(r"^(-?[0-9]+)e")
_RESOLVER: Any = yaml.resolver.Resolver()
_TEXT = "tag:yaml.org,2002:str"


def inline(value: Any, *, quote: str = "", flow: bool = False) -> str:
    """A value on one line. `quote` is the quote that texts get (empty: one only where they need it).

    `flow`: inside of brackets or braces, where more characters need a quote.
    """
    if isinstance(value, Mapping):
        pairs = (f"{key_text(key, quote=quote)}: {inline(one, quote=quote, flow=True)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(inline(item, quote=quote, flow=True) for item in value)}]"
    if not isinstance(value, str):
        return _WHOLE_MANTISSA.sub(r"\1.0e", json.dumps(value))
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if not quote and _is_plain(value, flow=flow):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def key_text(key: str, *, quote: str = "") -> str:
    """A key; between double quotes where its neighbours are (as in JSON)."""
    return inline(key, quote='"' if quote == '"' else "", flow=True)


def is_block(value: Any) -> bool:
    """Whether a value takes lines of its own in block style: mappings and lists that hold something."""
    return isinstance(value, Mapping | list) and bool(value)


def block(value: Any, style: Habits) -> list[str]:
    """The lines of a mapping or list that holds something, not indented."""
    if isinstance(value, Mapping):
        return [line for key, one in value.items() for line in entry(key, one, style)]
    return [line for one in value for line in item(one, style)]


def entry(key: str, value: Any, style: Habits) -> list[str]:
    """The lines of a key with its value."""
    head = f"{key_text(key)}:"
    if is_block(value):
        return [head, *indented(block(value, style), style.dash if isinstance(value, list) else style.step)]
    literal = as_literal(value)
    if literal:
        return [f"{head} {literal[0]}", *indented(literal[1], style.step)]
    return [f"{head} {inline(value)}"]


def item(value: Any, style: Habits) -> list[str]:
    """The lines of a list's item, its dash included."""
    if is_block(value):
        first, *rest = block(value, style)
        return [f"- {first}", *indented(rest, 2)]
    literal = as_literal(value)
    if literal:
        return [f"- {literal[0]}", *indented(literal[1], 2)]
    return [f"- {inline(value)}"]


def as_literal(value: Any) -> tuple[str, list[str]] | None:
    """Header (`|`) and lines of a text of several lines; None for what is better, or only, written on one."""
    if not isinstance(value, str) or "\n" not in value.rstrip("\n") or value[0] in " \t\n":
        return None
    if not all(c.isprintable() or c in "\n\t" for c in value):
        return None
    chomping = "-" if not value.endswith("\n") else "+" if value.endswith("\n\n") else ""
    return f"|{chomping}", value.removesuffix("\n").split("\n")


def indented(lines: list[str], by: int) -> list[str]:
    """Lines moved to the right; empty ones stay empty."""
    return [" " * by + line if line else "" for line in lines]


def _is_plain(text: str, *, flow: bool) -> bool:
    """Whether a text may stand without quotes, and every reader takes it for that very text."""
    if not text or text != text.strip() or not text.isprintable() or text.lower() in _WORDS:
        return False
    if text[0] in _INDICATORS or text.endswith(":") or ": " in text or " #" in text:
        return False
    if text.startswith(("---", "...")) or (flow and (_FLOW.search(text) or ":" in text)):
        return False
    return resolve(text, quoted=False, tag=None) == text and (
        _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT
    )

"""What a plain word of YAML means: text, number, truth or nothing, as YAML 1.1 readers such as Helm's see it.

Two of its habits are left out, because nobody means them here: dates and base-60 numbers stay texts.
"""

from __future__ import annotations

import math
import re

Value = str | int | float | bool | None

#: The only tags that have a meaning here, by the ending of `tag:yaml.org,2002:`.
_STANDARD = "tag:yaml.org,2002:"
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {word for low in ("true", "yes", "on") for word in (low, low.title(), low.upper())}
_FALSE = {word for low in ("false", "no", "off") for word in (low, low.title(), low.upper())}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,30})")
_HEX = re.compile(r"[-+]?0x[0-9a-fA-F_]{1,16}")
_OCTAL = re.compile(r"[-+]?0o?[0-7_]{1,20}")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]{0,30})?\.?[0-9_]{0,30}(?:[eE][-+]?[0-9]{1,3})?")


class UnknownTagError(ValueError):
    """A tag such as `!Ref` or `!!python/object`, which has no meaning in a config."""


def resolve(text: str, *, quoted: bool, tag: str | None) -> Value:
    """The value of a scalar: of its tag where it has one, else of its look. Quoted ones are texts.

    Raises UnknownTagError, and ValueError for a text that is not what its tag says.
    """
    if tag in (None, "", "!"):
        return text if quoted or tag == "!" else _implied(text)
    kind = tag.removeprefix(_STANDARD) if tag else ""
    if kind == "str":
        return text
    if kind not in {"int", "float", "bool", "null"} or kind == tag:
        raise UnknownTagError(tag)
    value = _implied(text)
    if kind == "float" and type(value) is int:
        return float(value)
    if type(value).__name__.removesuffix("Type").replace("None", "null") != kind:
        msg = f"`{text}` is no {kind}"
        raise ValueError(msg)
    return value


def _implied(text: str) -> Value:
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] in "-+.0123456789":
        return _number(text)
    return text


def _number(text: str) -> str | int | float:
    bare = text.replace("_", "")
    if _INT.fullmatch(text):
        return int(bare)
    if _HEX.fullmatch(text):
        return int(bare, 16)
    if _OCTAL.fullmatch(text):
        return int(bare.replace("o", ""), 8) if any(c.isdigit() for c in bare) else text
    if _FLOAT.fullmatch(text) and any(c.isdigit() for c in text) and text[-1] != "_":
        try:
            value = float(bare)
        except ValueError:
            return text
        return value if math.isfinite(value) else text
    return text

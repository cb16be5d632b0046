"""HTML made of values: whatever is no Markup is text and is escaped, so that no tool's output can become a tag."""

from __future__ import annotations

import html
from collections.abc import Iterable

from ws_deployment.output.glyphs import clean

_VOID = frozenset({"meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """`value` as text: escaped, without control characters."""
    return value if isinstance(value, Markup) else Markup(html.escape(clean(str(value))))


def join(children: Iterable[object]) -> Markup:
    """The children one after the other; None is left out."""
    return Markup("".join(text(child) for child in children if child is not None))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """An element. Attributes are spelled `class_` and `aria_label`; None leaves one out, True gives it bare."""
    shown = []
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if value is True:
            shown.append(f" {name}")
        elif value is not None and value is not False:
            shown.append(f' {name}="{html.escape(clean(str(value)))}"')
    start = f"<{tag}{''.join(shown)}>"
    return Markup(start) if tag in _VOID and not children else Markup(f"{start}{join(children)}</{tag}>")


def table(caption: str, heads: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object) -> Markup:
    """A table whose first column names its rows; it scrolls by itself where it is too wide."""
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in heads)))
    body = []
    for row in rows:
        first, *rest = row
        body.append(element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest)))
    whole = element("table", element("caption", caption), head, element("tbody", *body), **attributes)
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def facts(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Names with values; those without a value are left out."""
    shown = [element("div", element("dt", name), element("dd", value)) for name, value in pairs if value]
    return element("dl", *shown)

"""Whole objects that are put into a file or taken out of it; the others there stay as they are, byte for byte."""

from __future__ import annotations

from typing import Any

from ws_deployment.releases.repository import render
from ws_deployment.releases.repository.edit import Place
from ws_deployment.releases.repository.layout import Layout, habits
from ws_deployment.releases.repository.patch import Patch
from ws_deployment.releases.repository.tree import Mapping, Sequence, UneditableError, parse
from ws_deployment.releases.repository.units import Unit, change_block
from ws_deployment.releases.repository.values import own_entries, same, value_of


def appended(text: str, value: Any) -> str:
    """`text` with one more document, which says `value`. Raises UneditableError where that can't be."""
    documents = parse(text)
    layout = Layout(text)
    lines = render.block(value, habits(layout, documents))
    patch = Patch(layout)
    patch.put_lines(len(text), ["---", *lines] if documents else lines, 0)
    made = patch.made()
    if not same(value_of(parse(made)[-1].root), value):
        raise UneditableError(text.count("\n") + 1, "nothing can be put behind what stands there")
    return made


def without(text: str, place: Place) -> str | None:
    """`text` without the object at `place`; None where nothing is left of it. Comments above the first one stay.

    Raises UneditableError where others are aliases of a part of it.
    """
    documents = parse(text)
    if place.item >= 0:
        return _without_item(text, place)
    document = documents[place.document]
    if len(documents) == 1:
        return None
    layout = Layout(text)
    behind = documents[place.document + 1].start if place.document + 1 < len(documents) else len(text)
    start, end = layout.line_start(document.start), layout.line_start(behind)
    if place.document == 0 and not document.explicit:
        start = layout.line_start(document.root.start)
    if behind == len(text):
        end = behind
    elif place.document == 0:
        end = layout.next_line(behind) if text.startswith("---", behind) else end
        start = start if not document.explicit else layout.next_line(document.start)
    patch = Patch(layout)
    patch.put(start, end, "")
    made = patch.made()
    left = [value_of(one.root) for number, one in enumerate(documents) if number != place.document]
    _check(left, made, document.root.line)
    return made


def _without_item(text: str, place: Place) -> str:
    documents = parse(text)
    root = documents[place.document].root
    items = own_entries(root)["items"].value if isinstance(root, Mapping) else root
    assert isinstance(items, Sequence)  # noqa: S101  the place was found there
    line = items.items[place.item].line
    if items.flow or len(items.items) == 1:
        raise UneditableError(line, "the object can't be taken out of its list alone")
    layout = Layout(text)
    units = [Unit(layout.dash_of(item), item.end) for item in items.items]
    patch = Patch(layout)
    change_block(patch, units, {place.item}, {})
    made = patch.made()
    left = [value_of(one.root) for one in documents]
    del left[place.document]["items"][place.item]
    _check(left, made, line)
    return made


def _check(wanted: list[Any], text: str, line: int) -> None:
    """Raise UneditableError unless `text` says these documents."""
    try:
        says = [value_of(one.root) for one in parse(text)]
    except UneditableError as error:
        raise UneditableError(line, f"without the object the file could not be read: {error.why}") from error
    if not same(wanted, says):
        raise UneditableError(line, "the object can't be taken out of its file alone")

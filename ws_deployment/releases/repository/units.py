"""The entries of a mapping or the items of a list, some taken away and others added: by lines, or within brackets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ws_deployment.releases.repository.patch import Patch


class Unit(NamedTuple):
    """An entry (from its key) or an item (from its dash, where it has one) with all that it holds."""

    start: int
    end: int


#: What is added: the lines (in block style) or texts (in flow style) by the number of the unit that they come before.
New = Mapping[int, list[list[str]]]


def change_block(patch: Patch, units: list[Unit], gone: set[int], new: New) -> None:
    """Change units that stand on lines of their own. `gone` are the numbers of those that are taken away.

    Comments above a unit stay, also above one that is taken away: they are somebody's words. Those behind it go.
    """
    layout, indent = patch.layout, patch.layout.column(units[0].start)
    inline = not layout.begins_line(units[0].start)
    added = {number: list(each) for number, each in new.items()}
    left = sorted(gone)
    if inline and len(gone) == len(units):
        # Nothing stays to hold on to: the first of the new ones takes the place of the first old one.
        number = min(added)
        patch.put_hanging(units[0].start, layout.line_end(units[0].end), added[number].pop(0), indent)
        left.remove(0)
    elif inline and 0 in gone:
        kept = min(set(range(len(units))) - gone)
        between = "".join(layout.text[units[n].end : units[n + 1].start] for n in range(kept))
        if "#" in between:
            _drop_behind_dash(patch, units[0])
            left.remove(0)
        else:
            patch.put(units[0].start, units[kept].start, "")
            left = [number for number in left if number > kept]
            early = [lines for number in sorted(added) if number <= kept for lines in added.pop(number)]
            added[0] = early
    for number in left:
        patch.drop_lines(*units[number])
    for number in sorted(added):
        for lines in added[number]:
            if number:
                patch.put_lines(layout.next_line(units[number - 1].end), lines, indent)
            elif inline:
                patch.put_hanging(units[0].start, units[0].start, [*lines, ""], indent)
                patch.put(units[0].start, units[0].start, " " * indent)
            else:
                patch.put_lines(layout.line_start(units[0].start), lines, indent)


def _drop_behind_dash(patch: Patch, unit: Unit) -> None:
    """Take a unit away and leave its dash, with what comment stands behind it."""
    layout, text = patch.layout, patch.layout.text
    behind = text[unit.end : layout.next_line(unit.end)]
    end = unit.end + len(behind) - len(behind.lstrip(" "))
    before = text[layout.line_start(unit.start) : unit.start]
    start = unit.start if text.startswith("#", end) else unit.start - len(before) + len(before.rstrip(" "))
    patch.put(start, end, "")


def change_flow(patch: Patch, units: list[Unit], gone: set[int], new: New) -> None:
    """Change units within brackets or braces, of which one stays at least."""
    kept = sorted(set(range(len(units))) - gone)
    for number in sorted(gone):
        if number < kept[-1]:
            patch.put(units[number].start, units[number + 1].start, "")
    if kept[-1] + 1 < len(units):
        patch.put(units[kept[-1]].end, units[-1].end, "")
    for number in sorted(new):
        before = [each for each in kept if each < number]
        for (text,) in new[number]:
            if before:
                patch.put(units[before[-1]].end, units[before[-1]].end, f", {text}")
            else:
                patch.put(units[kept[0]].start, units[kept[0]].start, f"{text}, ")

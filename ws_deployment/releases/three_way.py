"""The rules: one object as it is, the defaults of its present release and of the next, and what comes of them.

Pure: nothing is asked of any server. An empty field (not there, or null) gets the next release's default; a populated
one is overwritten where the definition says so, else kept. Only fields that one of the two releases names are looked
at, so that what is the server's, a controller's or a user's own never appears.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ws_deployment.releases.definition import Definition, Entry, Policy, Renaming
from ws_deployment.releases.paths import ABSENT, FieldPath, Item, value_at, with_value
from ws_deployment.releases.plan import FieldChange, Kept, KeptField, Rule
from ws_deployment.releases.shape import IShape
from ws_deployment.releases.values import same


@dataclass(frozen=True)
class Sides:
    """What is compared: the object as it is, and the defaults of the present release (`base`) and of the `next`."""

    live: Mapping[str, Any]
    base: Mapping[str, Any]
    next: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The lines of the diff, the fields that keep another value than the release's, and the object with the lines."""

    changes: tuple[FieldChange, ...]
    kept: tuple[KeptField, ...]
    result: Mapping[str, Any]


def compare(kind: str, sides: Sides, definition: Definition, shape: IShape) -> Outcome:
    """What an upgrade does to an object of `kind`."""
    moved, renamed = _renamed(kind, sides, definition)
    comparison = _Comparison(kind, definition, shape)
    comparison.walk((), moved.live, moved.base, moved.next)
    result: Any = moved.live
    for change in comparison.changes:
        result = with_value(result, change.path, change.after)
    targets = [change.path for change in renamed if change.after is not ABSENT]
    changes = [
        replace(change, after=value_at(result, change.path)) if change.path in targets else change for change in renamed
    ]
    changes += [
        change for change in comparison.changes if not any(change.path[: len(path)] == path for path in targets)
    ]
    return Outcome(tuple(changes), tuple(comparison.kept), result)


def _renamed(kind: str, sides: Sides, definition: Definition) -> tuple[Sides, list[FieldChange]]:
    """The sides with renamed fields moved to where the next release has them, and the lines that this makes."""
    live: Any = sides.live
    base: Any = sides.base
    changes: list[FieldChange] = []
    for one in definition.renamings:
        if one.kind != kind or value_at(sides.next, one.source) is not ABSENT:
            continue
        here, default = value_at(live, one.source), value_at(base, one.source)
        base = with_value(with_value(base, one.source, ABSENT), one.target, default) if default is not ABSENT else base
        if here is ABSENT:
            continue
        by_hand = default is ABSENT or not same(here, default)
        there, wanted = value_at(live, one.target), value_at(sides.next, one.target)
        carried = here if by_hand or wanted is ABSENT else wanted
        live = _without(live, one.source)
        if there is ABSENT:
            live = with_value(live, one.target, carried)
            changes.append(_moved(kind, one, definition, ABSENT, carried, by_hand=by_hand))
        changes.append(_moved(kind, one, definition, here, ABSENT, by_hand=by_hand))
    return Sides(live, base, sides.next), changes


def _moved(kind: str, one: Renaming, definition: Definition, before: Any, after: Any, *, by_hand: bool) -> FieldChange:
    path = one.source if after is ABSENT else one.target
    disruptive, irreversible = definition.marks(kind, path)
    return FieldChange(
        path,
        before,
        after,
        Rule.RENAMED,
        one.reason,
        one.place,
        changed_by_hand=by_hand,
        disruptive=disruptive,
        irreversible=irreversible,
    )


def _without(root: Any, path: FieldPath) -> Any:
    return with_value(root, path, ABSENT)


class _Comparison:
    """One walk over an object; lines and kept fields are collected as it goes."""

    def __init__(self, kind: str, definition: Definition, shape: IShape) -> None:
        self._kind, self._definition, self._shape = kind, definition, shape
        self.changes: list[FieldChange] = []
        self.kept: list[KeptField] = []

    def walk(self, path: FieldPath, live: Any, base: Any, wanted: Any) -> None:
        """Compare what is at `path`."""
        live = ABSENT if live is None else live
        if wanted is ABSENT or wanted is None:
            if base is not ABSENT and base is not None and live is not ABSENT:
                self._gone(path, live, base)
            return
        members = self._members(path, live, base, wanted)
        if members is None:
            self._leaf(path, live, base, wanted)
            return
        for part in members:
            one, other, third = (_member(side, part) for side in (live, base, wanted))
            self.walk((*path, part), one, other, third)

    def _members(self, path: FieldPath, live: Any, base: Any, wanted: Any) -> list[str | Item] | None:
        """The members that are compared one by one; None where the value is compared as a whole."""
        if isinstance(wanted, Mapping):
            new = live is ABSENT
            if not (new or isinstance(live, Mapping)) or self._shape.is_one_value(path) or (new and not wanted):
                return None
            if new and path and isinstance(path[-1], Item):
                # A new item is one line, unless the definition has something to say about its fields.
                if not self._definition.reaches_below(self._kind, path):
                    return None
                return [key for key in wanted if key not in dict(path[-1].keys)] or None
            return list(dict.fromkeys([*wanted, *(base if isinstance(base, Mapping) else ())]))
        if isinstance(wanted, list) and (live is ABSENT or isinstance(live, list)):
            return self._items(path, wanted, base, live)
        return None

    def _items(self, path: FieldPath, wanted: list[Any], base: Any, live: Any) -> list[str | Item] | None:
        """The items of a list with keys; None where it has none, or where its items can't be told apart by them."""
        keys = self._shape.list_keys(path)
        if not keys or not wanted:
            return None
        found: list[str | Item] = []
        for side in (wanted, base, live):
            items = [_item(one, keys) for one in side] if isinstance(side, list) else []
            if None in items or len(set(items)) < len(items):
                return None
            found += [one for one in items if one is not None] if side is not live else []
        return list(dict.fromkeys(found))

    def _leaf(self, path: FieldPath, live: Any, base: Any, wanted: Any) -> None:
        scalar = self._shape.scalar(path)
        if live is not ABSENT and same(live, wanted, scalar):
            return
        removed = live is ABSENT and base is not ABSENT
        by_hand = removed or (live is not ABSENT and (base is ABSENT or not same(live, base, scalar)))
        news = base is ABSENT or not same(base, wanted, scalar)
        entry = self._definition.entry(self._kind, path)
        policy = entry.policy if entry else None
        if policy is Policy.OVERWRITE:
            self._change(path, live, wanted, Rule.EMPTY if live is ABSENT else Rule.OVERWRITE, entry, by_hand=by_hand)
        elif policy in {Policy.ASK, Policy.FORBID}:
            # Where the release has nothing new to say, what somebody once decided stands.
            if news:
                why = Kept.ASK if policy is Policy.ASK else Kept.FORBID
                self._keep(path, live, wanted, why, entry, by_hand=by_hand)
        elif live is ABSENT and not (removed and policy is Policy.KEEP):
            self._change(path, live, wanted, Rule.EMPTY, entry, by_hand=by_hand)
        elif news:
            self._keep(path, live, wanted, Kept.KEEP if entry else Kept.POPULATED, entry, by_hand=by_hand)

    def _gone(self, path: FieldPath, live: Any, base: Any) -> None:
        """The next release has no default for the field any more."""
        untouched = same(live, base, self._shape.scalar(path))
        below = self._gone_members(path, live, base)
        if below is not None and not (untouched and not self._definition.reaches_below(self._kind, path)):
            self._gone_below(path, live, base, below)
            return
        entry = self._definition.entry(self._kind, path)
        policy = entry.policy if entry else None
        if not untouched:
            self._keep(path, live, ABSENT, Kept.POPULATED, None, by_hand=True)
        elif policy is Policy.OVERWRITE:
            self._change(path, live, ABSENT, Rule.REMOVED, entry, by_hand=False)
        else:
            why = {Policy.ASK: Kept.ASK, Policy.FORBID: Kept.FORBID, Policy.KEEP: Kept.KEEP}
            self._keep(path, live, ABSENT, why[policy] if policy else Kept.POPULATED, entry, by_hand=False)

    def _gone_members(self, path: FieldPath, live: Any, base: Any) -> list[str | Item] | None:
        if isinstance(base, Mapping) and isinstance(live, Mapping) and not self._shape.is_one_value(path):
            return [key for key in base if key in live]
        if isinstance(base, list) and isinstance(live, list) and base:
            return self._items(path, base, ABSENT, live)
        return None

    def _gone_below(self, path: FieldPath, live: Any, base: Any, members: list[str | Item]) -> None:
        """Take away member by member; a mapping or list of which nothing is left goes as a whole."""
        here = len(self.changes)
        keys = dict(path[-1].keys) if path and isinstance(path[-1], Item) else {}
        for part in members:
            one, other = _member(live, part), _member(base, part)
            if one is not ABSENT and one is not None and part not in keys:
                self._gone((*path, part), one, other)
        made = self.changes[here:]
        left: Any = live
        for change in made:
            left = with_value(left, change.path[len(path) :], ABSENT)
        if path and made and (not left or left == keys):
            disruptive, irreversible = (any(each) for each in zip(*map(_marks, made), strict=True))
            whole = replace(made[0], path=path, before=live, disruptive=disruptive, irreversible=irreversible)
            self.changes[here:] = [whole]

    def _change(
        self, path: FieldPath, before: Any, after: Any, rule: Rule, entry: Entry | None, *, by_hand: bool
    ) -> None:
        disruptive, irreversible = self._definition.marks(self._kind, path)
        reason, title = (entry.reason, entry.title) if entry else ("", "")
        self.changes.append(
            FieldChange(
                path,
                before,
                after,
                rule,
                reason,
                title,
                changed_by_hand=by_hand,
                disruptive=disruptive,
                irreversible=irreversible,
            )
        )

    def _keep(self, path: FieldPath, value: Any, wanted: Any, why: Kept, entry: Entry | None, *, by_hand: bool) -> None:
        reason, title = (entry.reason, entry.title) if entry else ("", "")
        self.kept.append(KeptField(path, value, wanted, why, reason, title, changed_by_hand=by_hand))


def _marks(change: FieldChange) -> tuple[bool, bool]:
    return change.disruptive, change.irreversible


def _member(side: Any, part: str | Item) -> Any:
    return value_at(side, (part,)) if isinstance(side, Mapping | list) else ABSENT


def _item(value: Any, keys: tuple[str, ...]) -> Item | None:
    """The item of a list that `value` is; None where it lacks a key."""
    found = [(key, value.get(key)) for key in sorted(keys)] if isinstance(value, Mapping) else [("", None)]
    if any(not isinstance(one, str | int) for _, one in found):
        return None
    return Item(tuple((key, one) for key, one in found if isinstance(one, str | int)))


def lines_between(before: Any, after: Any, shape: IShape, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Any, Any]]:
    """All that differs between two states of an object: path, value before, value after. ABSENT where there is none."""
    if same(before, after, shape.scalar(path)) if ABSENT not in (before, after) else before is after:
        return
    members: list[str | Item] | None = None
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        members = list(dict.fromkeys([*before, *after]))
    elif isinstance(before, list) and isinstance(after, list) and (keys := shape.list_keys(path)):
        items = [[_item(one, keys) for one in side] for side in (before, after)]
        if all(None not in side and len(set(side)) == len(side) for side in items):
            members = [one for one in dict.fromkeys([*items[0], *items[1]]) if one is not None]
    if members is None:
        yield path, before, after
        return
    for part in members:
        yield from lines_between(_member(before, part), _member(after, part), shape, (*path, part))

"""An upgrade plan in words: its lines for a person, without layout or colour, which are the outputs' business."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ws_deployment.releases.paths import ABSENT, text_of
from ws_deployment.releases.plan import Action, FieldChange, Kept, KeptField, ObjectPlan, Rule, UpgradePlan

SYMBOLS = {Action.CREATE: "+", Action.CHANGE: "~", Action.DELETE: "-", Action.NONE: "="}
#: Characters of a value before the rest is cut.
LONGEST = 100
_WHY = {
    Kept.POPULATED: "kept: no entry is about it",
    Kept.KEEP: "kept",
    Kept.ASK: "asked: answer by --answer",
    Kept.FORBID: "forbidden",
}


#: What a rule means, where no entry of a definition gives its reason.
_RULES = {
    Rule.EMPTY: "the field is empty, and the release has a default for it",
    Rule.OVERWRITE: "the definition says so",
    Rule.REMOVED: "the release has no default for it any more",
    Rule.RENAMED: "the release has it under another name",
    Rule.RELEASE: "the mark of the release",
    Rule.SERVER: "the API server does this by itself",
    Rule.STRUCTURE: "the release's structure",
}


def listing(plan: UpgradePlan) -> str:
    """The whole plan as a list, for where there is nothing but text."""
    return "\n".join(_lines(plan))


def title(plan: UpgradePlan) -> str:
    """`clusters/alpha 20.0.0 → 20.1.0`."""
    way = plan.to_version if plan.from_version == plan.to_version else f"{plan.from_version} → {plan.to_version}"
    return f"{plan.namespace}/{plan.cluster} {way}"


def count(plan: UpgradePlan) -> str:
    """What there is to do, in a line."""
    objects = [one for one in plan.objects if one.action is not Action.NONE]
    if plan.problems:
        told = f"refused, {_many(len(plan.problems), 'problem')}"
    elif not objects:
        told = "nothing to do"
    else:
        lines = sum(len(one.changes) for one in objects)
        told = f"{_many(lines, 'field')} of {_many(len(objects), 'object')} to change"
    told += f", {_many(len(plan.questions), 'question')} open" if plan.questions else ""
    told += ", disruptive" if plan.disruptive else ""
    return told + (", irreversible" if plan.irreversible else "")


def sign(change: FieldChange) -> str:
    """`+`, `~` or `-`."""
    return "+" if change.before is ABSENT else "-" if change.after is ABSENT else "~"


def line(change: FieldChange, longest: int | None = LONGEST) -> str:
    """The field with what was and what will be."""
    path = text_of(change.path)
    if change.before is ABSENT:
        return f"{path}: {shown(change.after, longest)}"
    if change.after is ABSENT:
        return f"{path}: {shown(change.before, longest)}"
    return f"{path}: {shown(change.before, longest)} → {shown(change.after, longest)}"


def because(change: FieldChange) -> str:
    """Which rule made the line, and what else is to be known of it."""
    told = [f"{change.rule}: {change.reason or _RULES[change.rule]}"]
    told += [change.entry] if change.entry else []
    told += ["changed by a person"] if change.changed_by_hand else []
    told += ["DISRUPTIVE: recreates nodes"] if change.disruptive else []
    told += ["IRREVERSIBLE"] if change.irreversible else []
    told += [f"held by {', '.join(change.held_by)}"] if change.held_by else []
    return "; ".join(told)


def manifest(one: ObjectPlan) -> str:
    """A new object as YAML, without what its title says."""
    import yaml  # noqa: PLC0415  loaded when used

    told = {key: value for key, value in (one.result or {}).items() if key not in {"apiVersion", "kind", "metadata"}}
    labels = (one.result or {}).get("metadata", {}).get("labels")
    shown_ = {**({"metadata": {"labels": labels}} if labels else {}), **told}
    return yaml.safe_dump(shown_, sort_keys=False, default_flow_style=False, allow_unicode=True).rstrip()


def kept_line(kept: KeptField, longest: int | None = LONGEST) -> str:
    """The field with its value, and the release's."""
    return f"{text_of(kept.path)}: {shown(kept.value, longest)} (the release: {shown(kept.wanted, longest)})"


def kept_because(kept: KeptField) -> str:
    """Why it is kept."""
    told = [f"{_WHY[kept.why]}: {kept.reason}" if kept.reason else _WHY[kept.why]]
    told += [kept.entry] if kept.entry else []
    told += ["changed by a person"] if kept.changed_by_hand else []
    return "; ".join(told)


def shown(value: Any, longest: int | None = LONGEST) -> str:
    """A value on one line."""
    if value is ABSENT:
        return "nothing"
    text = value if isinstance(value, str) and value and value.isprintable() else json.dumps(value, ensure_ascii=False)
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"


def remarks(one: ObjectPlan) -> str:
    """What is to be known of an object beside its title."""
    told = [f"replaces {one.replaces}"] if one.replaces else []
    told += ["disruptive"] if one.disruptive else []
    told += ["irreversible"] if one.irreversible else []
    return f" ({', '.join(told)})" if told else ""


def _lines(plan: UpgradePlan) -> Iterator[str]:
    yield f"{title(plan)}: {count(plan)}"
    # New objects are long: fields that change are read first.
    for one in sorted(plan.objects, key=lambda one: one.action is Action.CREATE):
        yield f"{SYMBOLS[one.action]} {one.title}{remarks(one)}"
        if one.reason:
            yield f"    {one.reason}"
        if one.action is Action.CREATE and not one.written:
            yield from (f"    {text}" for text in manifest(one).splitlines())
        for change in one.changes:
            yield f"  {sign(change)} {line(change)}"
            yield f"      {because(change)}"
        for kept in one.kept:
            yield f"  = {kept_line(kept)}"
            yield f"      {kept_because(kept)}"
    yield from (f"note: {note}" for note in plan.notes)


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"

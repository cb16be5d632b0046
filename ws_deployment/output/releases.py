"""Releases for people and machines: lists of them, one of them, what differs, and which clusters fit theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ws_deployment.output.page import Item, Page
from ws_deployment.releases.catalogue import Catalogue
from ws_deployment.releases.paths import ABSENT, text_of
from ws_deployment.releases.plan import Action
from ws_deployment.releases.planning import Fit
from ws_deployment.releases.release import Release
from ws_deployment.releases.release_diff import Difference
from ws_deployment.releases.words import because, line, shown, sign


def write_list(page: Page, catalogue: Catalogue) -> Page:
    """All releases, the newest last."""
    rows = [("VERSION", "KUBERNETES", "UPGRADED TO FROM", "RESOURCES", "DEPRECATED")]
    for one in catalogue:
        kubernetes = one.kubernetes.text if one.kubernetes else "-"
        predecessors = ", ".join(map(str, one.predecessors)) or "-"
        since = one.deprecated_since or "-"
        rows.append((one.version.text, kubernetes, predecessors, str(len(one.resources)), since))
    page.columns(rows, indent=0)
    return page


def list_as_json(catalogue: Catalogue) -> list[dict[str, Any]]:
    """The same as JSON values."""
    return [_head(one) for one in catalogue]


def write_release(page: Page, release: Release) -> Page:
    """One release: its resources, and what an upgrade to it may change."""
    page.heading(f"Release {release.version}")
    if release.description:
        page.wrapped(release.description, "  ")
    if release.deprecated_reason:
        page.wrapped(f"deprecated since {release.deprecated_since}: {release.deprecated_reason}", "  ", colour="yellow")
    page.wrapped(f"from {release.source}", "  ")
    if release.kubernetes:
        page.wrapped(f"Kubernetes {release.kubernetes}", "  ")
    page.wrapped(f"upgraded to from {', '.join(map(str, release.predecessors)) or 'nothing'}", "  ")
    page.heading("Resources")
    for one in release.resources:
        name = "each" if one.each else one.body["metadata"]["name"]
        page.marked("  -", "cyan", f"{one.name}: {one.kind} ({one.api_version}), {name}")
        rest = {key: value for key, value in one.body.items() if key not in {"apiVersion", "kind", "metadata"}}
        page.verbatim(json.dumps(rest, indent=2), 6)
    page.heading("What an upgrade may change")
    for layer in release.definition.layers:
        for entry in layer:
            page.item(Item("-", "cyan", f"{entry.policy} {entry.kind} {entry.pattern.text}"), entry.reason)
    for moved in release.definition.renamings:
        name = f"rename {moved.kind} {text_of(moved.source)} → {text_of(moved.target)}"
        page.item(Item("-", "cyan", name), moved.reason)
    for each in release.definition.objects:
        page.item(Item("-", "cyan", f"{'delete' if each.delete else 'keep'} old {each.resource}"), each.reason)
    return page


def release_as_json(release: Release) -> dict[str, Any]:
    """The same as JSON values."""
    definition = release.definition
    return {
        **_head(release),
        "description": release.description,
        "source": release.source,
        "resources": [
            {"name": one.name, "applies": "each" if one.each else "once", "resource": one.body}
            for one in release.resources
        ],
        "fields": [
            {"kind": one.kind, "path": one.pattern.text, "rule": one.policy, "reason": one.reason, "place": one.place}
            for layer in definition.layers
            for one in layer
        ],
        "renames": [
            {"kind": one.kind, "from": text_of(one.source), "to": text_of(one.target), "reason": one.reason}
            for one in definition.renamings
        ],
        "objects": [
            {"resource": one.resource, "rule": "overwrite" if one.delete else "keep", "reason": one.reason}
            for one in definition.objects
        ],
    }


def write_differences(page: Page, found: Iterable[Difference]) -> Page:
    """What differs between two releases, by part."""
    part = ""
    for one in found:
        if one.part != part:
            part = one.part
            page.heading(part)
        mark = "+" if one.before is ABSENT else "-" if one.after is ABSENT else "~"
        colour = {"+": "green", "-": "red", "~": "yellow"}[mark]
        values = [shown(value) for value in (one.before, one.after) if value is not ABSENT]
        field = f"{one.field}: " if one.field else ""
        page.marked(f"  {mark}", colour, f"{field}{' → '.join(values)}")
    if not part:
        page.wrapped("They are the same.")
    return page


def write_fit(page: Page, fit: Fit) -> Page:
    """Whether a cluster fits its release."""
    if fit.problem:
        page.marked("?", "magenta", f"{fit.cluster}: {fit.problem}")
        return page
    plan = fit.plan
    if plan is None or plan.empty:
        page.marked("✓", "green", f"{fit.cluster} fits {fit.version}")
        return page
    page.marked("✗", "red", f"{fit.cluster} does not fit {fit.version}")
    for one in plan.objects:
        if one.action in {Action.CREATE, Action.DELETE}:
            page.marked(f"    {'+' if one.action is Action.CREATE else '-'}", "yellow", f"{one.title}: {one.reason}")
        for change in one.changes if one.action is Action.CHANGE else ():
            page.marked(f"    {sign(change)}", "yellow", f"{one.title} {line(change)}")
            page.wrapped(because(change), "        ", colour="bright_black")
    for note in plan.notes:
        page.wrapped(note, "    note: ", "          ")
    page.marked("    →", "bright_black", f"ws-deployment upgrade plan {fit.cluster} --to {fit.version}")
    return page


def fit_as_json(fit: Fit) -> dict[str, Any]:
    """The same as JSON values; `plan` is what would make it fit, null where it could not be judged."""
    fits = None if fit.plan is None else fit.plan.empty
    plan = fit.plan.as_json() if fit.plan else None
    return {"cluster": fit.cluster, "release": fit.version, "fits": fits, "problem": fit.problem, "plan": plan}


def _head(release: Release) -> dict[str, Any]:
    deprecated = None
    if release.deprecated_reason:
        deprecated = {"since": release.deprecated_since, "reason": release.deprecated_reason}
    return {
        "version": release.version.text,
        "kubernetes": release.kubernetes.text if release.kubernetes else None,
        "predecessors": [one.text for one in release.predecessors],
        "deprecated": deprecated,
    }

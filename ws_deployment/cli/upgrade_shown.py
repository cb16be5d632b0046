"""Prints upgrade plans in the form that the user wants, one after the other as they come."""

from __future__ import annotations

import enum
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ws_deployment.releases.plan import UpgradePlan


class UpgradeFormat(enum.StrEnum):
    """The forms of an upgrade plan."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    YAML = "yaml"


Form = Annotated[UpgradeFormat, typer.Option("--format", help="markdown reads well in a pull request.")]


class Shown:
    """Plans on stdout: texts, a JSON list, or YAML documents."""

    def __init__(self, form: UpgradeFormat, *, full: bool = False) -> None:
        self._form, self._full, self._count = form, full, 0

    def one(self, plan: UpgradePlan) -> None:
        """Print a plan."""
        if self._form is UpgradeFormat.JSON:
            print("[" if self._count == 0 else ",", json.dumps(plan.as_json(), indent=2), sep="\n", flush=True)
        elif self._form is UpgradeFormat.YAML:
            import yaml  # noqa: PLC0415  loaded when used

            # JSON first: enumerations and tuples are plain values then.
            print("---", yaml.safe_dump(json.loads(json.dumps(plan.as_json())), sort_keys=False), sep="\n", end="")
        elif self._form is UpgradeFormat.MARKDOWN:
            from ws_deployment.output.upgrade_markdown import markdown  # noqa: PLC0415  loaded when used

            print(markdown(plan), end="\n", flush=True)
        else:
            from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
            from ws_deployment.output.upgrade import write  # noqa: PLC0415  loaded when used

            before = "\n" if self._count else ""
            print(before, write(Page.for_stream(sys.stdout), plan, full=self._full).text(), sep="", end="", flush=True)
        self._count += 1

    def end(self) -> None:
        """Print what comes after the last plan."""
        if self._form is UpgradeFormat.JSON:
            print("]" if self._count else "[]")

"""Finds the programs that the project needs, where they already are. Building what is missing is `provide`'s work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ws_deployment.errors import MissingToolError
from ws_deployment.tools.catalogue import TOOLS, Tool
from ws_deployment.tools.recipes import RECIPES
from ws_deployment.tools.version import parse, version_of

Source = Literal["environment", "PATH", "KUBEBUILDER_ASSETS", "cache"]


@dataclass(frozen=True)
class Found:
    """A program that fits: where it is, its version (as `1.36.3`), and what led to it."""

    name: str
    path: Path
    version: str
    source: Source


def find(name: str) -> Found | None:
    """Find the tool called `name`: by its variable, on PATH, in KUBEBUILDER_ASSETS, in the cache; None if nowhere.

    The variable (`WS_DEPLOYMENT_KUBE_APISERVER` for kube-apiserver) holds a path. A program of a version that does
    not fit is passed over. Raises MissingToolError when the variable names a program that does not fit.
    """
    tool = TOOLS[name]
    for source, path in _candidates(tool):
        version = version_of(path, tool.version_argv)
        if fits(tool, version):
            return Found(name, path, version, source)
        if source == "environment":
            raise MissingToolError(
                "using",
                on=str(path),
                why=f"{variable(name)} names it, but {version or 'what it says'} is not {wanted(tool)}",
                remedy=f"Unset {variable(name)}, or let it name a program that fits.",
            )
    return None


def find_built(name: str) -> Found | None:
    """Find the tool called `name` in the cache alone."""
    tool = TOOLS[name]
    for program in tool.programs:
        path = RECIPES[tool.recipe].folder() / program
        if os.access(path, os.X_OK):
            return Found(name, path, version_of(path, tool.version_argv), "cache")
    return None


def fits(tool: Tool, version: str) -> bool:
    """Whether `version` is one that the project works with."""
    numbers = parse(version)
    return bool(numbers) and tool.at_least <= numbers and not (tool.below and numbers >= tool.below)


def wanted(tool: Tool) -> str:
    """The versions that fit, in words."""
    text = f"{'.'.join(map(str, tool.at_least))} or newer"
    return f"{text}, below {'.'.join(map(str, tool.below))}" if tool.below else text


def variable(name: str) -> str:
    """The environment variable that names the tool's program."""
    return f"WS_DEPLOYMENT_{name.upper().replace('-', '_')}"


def _candidates(tool: Tool) -> Iterator[tuple[Source, Path]]:
    if given := os.environ.get(variable(tool.name)):
        path = Path(given)
        if not os.access(path, os.X_OK) or path.is_dir():
            raise MissingToolError(
                "using", on=given, why=f"{variable(tool.name)} names it, but it is no program", remedy="Mend the path."
            )
        yield "environment", path
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    places: list[tuple[Source, str]] = [("PATH", entry) for entry in os.get_exec_path()]
    places += [("KUBEBUILDER_ASSETS", assets), ("cache", str(RECIPES[tool.recipe].folder()))]
    for source, folder in places:
        for program in tool.programs if folder else ():
            path = Path(folder, program)
            if os.access(path, os.X_OK) and path.is_file():
                yield source, path

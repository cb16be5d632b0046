"""Makes sure of programs: finds those that are here and fit, builds the others once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from ws_deployment.errors import MissingToolError
from ws_deployment.tools.catalogue import TOOLS
from ws_deployment.tools.find import Found, find, find_built
from ws_deployment.tools.version import parse


def provide(*names: str, on_progress: Callable[[str], None] | None = None) -> dict[str, Found]:
    """Return each of the tools called `names`, building what is missing (minutes, once; `on_progress` gets lines).

    Tools of a family that were found in different minor versions are taken from the build instead, all of them.
    Raises MissingToolError when one can neither be found nor built.
    """
    found, missing = find_all(*names)
    return found | {name: _built(name, on_progress or (lambda _line: None)) for name in sorted(missing)}


def find_all(*names: str) -> tuple[dict[str, Found], set[str]]:
    """Those of the tools that are here and fit, and the names of those that have to be built."""
    every = {name: find(name) for name in names}
    found = {name: tool for name, tool in every.items() if tool}
    mixed = _mixed_families(found)
    fitting = {name: tool for name, tool in found.items() if TOOLS[name].family not in mixed}
    built = {name: tool for name in names if name not in fitting and (tool := find_built(name))}
    return fitting | built, set(names) - set(fitting) - set(built)


def _mixed_families(found: dict[str, Found]) -> set[str]:
    minors = defaultdict(set)
    for name, tool in found.items():
        if family := TOOLS[name].family:
            minors[family].add(parse(tool.version)[:2])
    return {family for family, versions in minors.items() if len(versions) > 1}


def _built(name: str, on_progress: Callable[[str], None]) -> Found:
    from ws_deployment.tools.build import build  # noqa: PLC0415  only a first run on a machine builds
    from ws_deployment.tools.recipes import RECIPES  # noqa: PLC0415  loaded when used

    build(RECIPES[TOOLS[name].recipe], on_progress)
    if present := find_built(name):
        return present
    raise MissingToolError(
        "building", on=name, why=f"the module {TOOLS[name].recipe} does not make it", remedy="Install it by hand."
    )

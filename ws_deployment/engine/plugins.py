"""Finds what is installed by entry point. Built-in parts are found the same way as anyone's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ws_deployment.errors import UsageError
from ws_deployment.interfaces import IClusterType, IRegistrar, IStep, ITrafficRouter

STEPS = "ws_deployment.steps"
CLUSTER_TYPES = "ws_deployment.cluster_types"
REGISTRARS = "ws_deployment.registrars"
TRAFFIC_ROUTERS = "ws_deployment.traffic_routers"

_WORDS = {STEPS: "step", CLUSTER_TYPES: "cluster type", REGISTRARS: "registrar", TRAFFIC_ROUTERS: "traffic router"}
_KINDS: Mapping[str, type] = {
    STEPS: IStep,
    CLUSTER_TYPES: IClusterType,
    REGISTRARS: IRegistrar,
    TRAFFIC_ROUTERS: ITrafficRouter,
}


@cache
def installed(group: str) -> Mapping[str, EntryPoint]:
    """The plugins of a group by name. Nothing is imported."""
    return {entry.name: entry for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


def step(name: str) -> type[IStep[Any]]:
    """The step's class. Raises UsageError where there is none of that name or it can't be used."""
    plugin: type[IStep[Any]] = _load(STEPS, name)
    return plugin


def cluster_type(name: str) -> type[IClusterType]:
    """The cluster type's class. Raises UsageError as `step` does."""
    plugin: type[IClusterType] = _load(CLUSTER_TYPES, name)
    return plugin


def registrar(name: str) -> type[IRegistrar]:
    """The registrar's class. Raises UsageError as `step` does."""
    plugin: type[IRegistrar] = _load(REGISTRARS, name)
    return plugin


def traffic_router(name: str) -> type[ITrafficRouter]:
    """The traffic router's class. Raises UsageError as `step` does."""
    plugin: type[ITrafficRouter] = _load(TRAFFIC_ROUTERS, name)
    return plugin


def unknown(group: str, name: str) -> UsageError:
    """The error for a name that nothing installed bears, with what comes near it."""
    near = difflib.get_close_matches(name, installed(group), n=1)
    word = _WORDS[group]
    remedy = f"did you mean {near[0]}?" if near else f"installed: {', '.join(installed(group)) or 'none'}"
    return UsageError(f"finding the {word}", on=name, why=f"no {word} of that name is installed", remedy=remedy)


def _load(group: str, name: str) -> Any:
    entry = installed(group).get(name)
    if entry is None:
        raise unknown(group, name)
    try:
        plugin = entry.load()
    except Exception as error:  # a plugin's import can fail in any way, and it is not this program's fault
        raise UsageError(
            f"loading the {_WORDS[group]}",
            on=name,
            why=f"{type(error).__name__}: {error}",
            remedy=f"It is {entry.value}; repair or remove the package that brings it.",
        ) from error
    if not (isinstance(plugin, type) and issubclass(plugin, _KINDS[group])):
        raise UsageError(
            f"loading the {_WORDS[group]}", on=name, why=f"{entry.value} is no subclass of {_KINDS[group].__name__}"
        )
    return plugin

"""A release: its version and predecessors, the structure of its resources, what an upgrade to it may change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ws_deployment.releases.definition import Definition
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.versions import Range, Version

PLACEHOLDERS = ("cluster", "namespace", "name", "release", "kubernetes")
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class Resource:
    """Structure and defaults of one resource. `each`: for every object of the kind that has `match_labels`.

    `body` is the object with placeholders; `lists` are the lists that have keys which the API does not tell.
    """

    name: str
    each: bool
    match_labels: Mapping[str, str]
    body: Mapping[str, Any]
    lists: tuple[tuple[Pattern, tuple[str, ...]], ...] = ()

    @property
    def api_version(self) -> str:
        """The version of the API that it is written for."""
        return str(self.body["apiVersion"])

    @property
    def kind(self) -> str:
        """The kind of its objects."""
        return str(self.body["kind"])

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return group_of(self.api_version)

    def object_name(self, values: Mapping[str, str]) -> str:
        """The name of the object of a cluster."""
        return str(filled(self.body["metadata"]["name"], values))

    def filled(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Its structure and defaults for one object: placeholders filled in, name and namespace left out."""
        body: dict[str, Any] = filled(self.body, values)
        metadata = {key: value for key, value in body.get("metadata", {}).items() if key in {"labels", "annotations"}}
        rest = {key: value for key, value in body.items() if key not in {"apiVersion", "kind", "metadata"}}
        return {**({"metadata": metadata} if metadata else {}), **rest}


@dataclass(frozen=True)
class Release:
    """A release. `source` is the folder or ConfigMap that it was read from."""

    version: Version
    predecessors: tuple[Range, ...]
    resources: tuple[Resource, ...]
    definition: Definition
    kubernetes: Version | None = None
    description: str = ""
    deprecated_since: str = ""
    deprecated_reason: str = ""
    source: str = ""

    def follows(self, version: Version) -> bool:
        """Whether a cluster of the release `version` may be upgraded to this one."""
        return version < self.version and any(version in one for one in self.predecessors)

    def resource(self, name: str) -> Resource | None:
        """The resource of that name; None where it has none."""
        return next((one for one in self.resources if one.name == name), None)

    def values(self, cluster: str, namespace: str, name: str = "") -> dict[str, str]:
        """What the placeholders stand for."""
        kubernetes = self.kubernetes.text if self.kubernetes else ""
        return {
            "cluster": cluster,
            "namespace": namespace,
            "name": name,
            "release": self.version.text,
            "kubernetes": kubernetes,
        }


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """`value` with the placeholders of all its texts filled in; unknown ones stay, they are other programs'."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {key: filled(inner, values) for key, inner in value.items()}
    return [filled(inner, values) for inner in value] if isinstance(value, list) else value


def group_of(api_version: str) -> str:
    """The API group of an apiVersion; empty for the core one."""
    return api_version.rpartition("/")[0]

"""How the programs are built from pinned Go modules: the modules, the flags, and where the outcome is kept.

Building itself is `build`'s work. A recipe's module is a go.mod with Go's `tool` directive and a go.sum, no source.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass, field
from pathlib import Path

from ws_deployment.tools.folders import cache_home

_MODULES = Path(__file__).parent / "modules"


@dataclass(frozen=True)
class Recipe:
    """A Go module and the flags that build its tools.

    `renames` maps a built file's name to the program's own. `tags` are Go's build tags, separated by commas.
    `packages` is about how many packages an empty build cache has to compile, for the progress alone.
    """

    name: str
    module: Path
    packages: int
    ldflags: str = "-s -w"
    renames: dict[str, str] = field(default_factory=dict)
    tags: str = ""

    def flags(self) -> list[str]:
        """What `go build` is called with, but for the output. Without DWARF it takes half the memory and disk."""
        tags = ["-tags", self.tags] if self.tags else []
        return [*tags, "-gcflags=all=-dwarf=false", "-ldflags", self.ldflags]

    def digest(self) -> str:
        """Names this very build: module, checksums, flags and platform."""
        told = json.dumps([self.flags(), self.renames, platform.system(), platform.machine()])
        parts = [(self.module / name).read_bytes() for name in ("go.mod", "go.sum")]
        return hashlib.sha256(b"\0".join([told.encode(), *parts])).hexdigest()[:16]

    def folder(self) -> Path:
        """Where the finished programs are; it exists only when they are complete."""
        return cache_home() / "tools" / f"{self.name}-{self.digest()}" / "bin"


# Without the stamps the programs do not know their version, and clients refuse them.
_KUBERNETES_STAMPS = {
    "k8s.io/component-base/version.gitVersion": "v1.36.3",
    "k8s.io/component-base/version.gitMajor": "1",
    "k8s.io/component-base/version.gitMinor": "36",
    "helm.sh/helm/v4/internal/version.version": "v4.3.1",
}

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "kubernetes",
            _MODULES / "kubernetes",
            packages=3050,
            ldflags=" ".join(["-s -w", *(f"-X {key}={value}" for key, value in _KUBERNETES_STAMPS.items())]),
            renames={"server": "etcd"},
        ),
        Recipe(
            "opentofu",
            _MODULES / "opentofu",
            packages=1500,
            ldflags="-s -w -X github.com/opentofu/opentofu/version.dev=no",
        ),
        Recipe(
            "prometheus",
            _MODULES / "prometheus",
            packages=1030,
            # The module's v0.315.0 is the release 3.15.0.
            ldflags="-s -w -X github.com/prometheus/common/version.Version=3.15.0",
            # Without the discovery of a dozen clouds: static, file and HTTP discovery stay.
            tags="netgo,remove_all_sd",
        ),
    )
}

"""A config as it was read: the model, what is wrong with it, and where each value was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ws_deployment.config.faults import Fault, KeyPath, Mark
from ws_deployment.config.source import Source
from ws_deployment.config.tree import MappingNode, fault_at, key_of, spot
from ws_deployment.config.v1 import ConfigV1


@dataclass(frozen=True)
class Document:
    """The config at `path`. `config` is None exactly when there are `faults`; warnings do not count as such.

    `files` are those it was joined from, the config itself first; `root` is the joined tree, None if nothing could
    be read.
    """

    path: Path
    config: ConfigV1 | None = None
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    root: MappingNode | None = None
    files: list[Path] = field(default_factory=list)

    def locate(self, path: KeyPath) -> Mark:
        """Where the value at `path` was written, or what of it there is; the file's beginning where nothing is."""
        node = spot(self.root, path)
        return node.mark if node else Mark(self.path, 1, 1, Source(self.path, ""))

    def fault(self, path: KeyPath, message: str, remedy: str = "") -> Fault:
        """A fault at the value at `path`, underlined."""
        return fault_at(spot(self.root, path), message, remedy, path=path)

    def key_fault(self, path: KeyPath, message: str, remedy: str = "") -> Fault:
        """A fault at the key that the value at `path` stands under."""
        return fault_at(key_of(self.root, path) or spot(self.root, path), message, remedy, path=path)

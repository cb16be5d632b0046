"""A document as it was read: where each of its values was written, and faults at these places.

What a document means is not known here: configs and other files of the program stand on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ws_deployment.config.faults import Fault, KeyPath, Mark
from ws_deployment.config.source import Source
from ws_deployment.config.tree import MappingNode, fault_at, key_of, spot


@dataclass(frozen=True, kw_only=True)
class Located:
    """The document at `path`; `root` is its tree, None if nothing could be read."""

    path: Path
    root: MappingNode | None = None

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

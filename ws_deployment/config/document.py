"""A config as it was read: the model, what is wrong with it, and where each value was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ws_deployment.config.faults import Fault
from ws_deployment.config.located import Located
from ws_deployment.config.v1 import ConfigV1


@dataclass(frozen=True, kw_only=True)
class Document(Located):
    """The config at `path`. `config` is None exactly when there are `faults`; warnings do not count as such.

    `files` are those it was joined from, the config itself first; `root` is the joined tree, None if nothing could
    be read.
    """

    config: ConfigV1 | None = None
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

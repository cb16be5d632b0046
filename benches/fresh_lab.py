"""A lab of a bench's own, gone at its end."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ws_deployment.lab.everything import remove_everything
from ws_deployment.lab.meta import ensure_meta


@contextlib.contextmanager
def fresh_lab() -> Iterator[Path]:
    """A lab whose meta cluster is up; its folder, for configs."""
    before = os.environ.get("XDG_STATE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        ensure_meta("meta")
        try:
            yield Path(folder)
        finally:
            remove_everything()
            os.environ.pop("XDG_STATE_HOME")
            if before is not None:
                os.environ["XDG_STATE_HOME"] = before

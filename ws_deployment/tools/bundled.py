"""Finds the data that travels with the program: Terraform modules, charts, configs."""

from __future__ import annotations

from pathlib import Path

import ws_deployment
from ws_deployment.errors import MissingToolError


def bundled(name: str) -> Path:
    """Return the path of `name` (as `terraform/local`), in the checkout or in the installed wheel.

    Raises MissingToolError when the installation lacks it.
    """
    package = Path(ws_deployment.__file__).parent
    # The wheel carries the folders inside the package; in a checkout they lie beside it.
    for top in (package / "_bundled", package.parent):
        if (path := top / name).exists():
            return path
    raise MissingToolError(
        "looking for", on=name, why="this installation lacks it", remedy="Install ws-deployment again from its wheel."
    )

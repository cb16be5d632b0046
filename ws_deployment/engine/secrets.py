"""Resolves references to secrets; whatever it reads is masked from then on wherever text is written."""

from __future__ import annotations

import os
from pathlib import Path

from ws_deployment.config.model import SecretReference
from ws_deployment.errors import WsDeploymentError
from ws_deployment.redaction import register


def read_secret(reference: SecretReference, folder: Path) -> str:
    """The secret that `reference` names; a relative path is relative to `folder`.

    Raises WsDeploymentError where it can't be read or is empty.
    """
    if reference.variable is not None:
        value = os.environ.get(reference.variable, "")
        source, remedy = f"variable {reference.variable}", f"Set {reference.variable} in the environment."
    else:
        path = folder / Path(reference.file or "").expanduser()
        source, remedy = f"file {path}", f"Put the secret into {path}, readable by you alone."
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise WsDeploymentError("reading the secret in", on=source, why=why, remedy=remedy) from error
    if not value:
        raise WsDeploymentError("reading the secret in", on=source, why="it is empty or not set", remedy=remedy)
    register(value)
    return value

"""What an API server's refusals mean: which pass, which are somebody else's change, which stay."""

from __future__ import annotations

import json
from typing import Any

from ws_deployment.errors import TransientError, WsDeploymentError

_TRANSIENT_CODES = frozenset({408, 429, 500, 502, 503, 504})
_CONFLICT = 409
#: What server-side apply says, with status 500, of documents that are not of the schema.
_NOT_OF_THE_SCHEMA = ("failed to create typed patch object", "failed to create typed live object")


class KubeError(WsDeploymentError):
    """The API server refused in a way that the same request will be refused again."""


class TransientKubeError(TransientError):
    """The API server was out of reach, over-loaded, or saw somebody else's change at the same moment."""


class ConflictKubeError(TransientKubeError):
    """The object exists already, or is no longer the one that was read."""


def told_by_server(error: Any, attempted: str, on: str) -> WsDeploymentError:
    """Our error for the library's ApiException: what was `attempted`, on what, and the server's own words."""
    try:
        said = json.loads(error.body)
    except (TypeError, ValueError):
        said = {}
    why = f"{error.status} {said.get('message') or error.reason}"
    managed_by_other = any(
        cause.get("reason") == "FieldManagerConflict" for cause in (said.get("details") or {}).get("causes", ())
    )
    if managed_by_other:
        return KubeError(attempted, on=on, why=why, remedy="Leave these fields to their manager, or remove them there.")
    if error.status == _CONFLICT:
        return ConflictKubeError(attempted, on=on, why=why)
    if error.status in _TRANSIENT_CODES and not any(text in why for text in _NOT_OF_THE_SCHEMA):
        return TransientKubeError(attempted, on=on, why=why)
    return KubeError(attempted, on=on, why=why)

"""Where a Prometheus is."""

# Annotations stand here as they are, not as texts (`from __future__ import annotations`): pydantic would compile each.
from pydantic import Field

from ws_deployment.config.v1 import Model


class Prometheus(Model):
    """A server that speaks Prometheus' HTTP API."""

    url: str = Field(description="Its address without `/api/v1`.")

"""Waves: which clusters go through the pipeline first, and what comes between them and the next ones."""

# Annotations stand here as they are, not as texts (`from __future__ import annotations`): pydantic would compile each.
from typing import Annotated

from pydantic import Field, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.config.model import Model, Name


class Wave(Model):
    """Clusters that go through the whole pipeline together. The one that names none has all that are left."""

    prefixes: tuple[Name, ...] | None = Field(default=None, min_length=1, description="Prefixes of its clusters.")
    regions: tuple[str, ...] | None = Field(default=None, min_length=1, description="Regions of its clusters.")
    at_most: int | None = Field(default=None, ge=1, description="Clusters worked on at once; default: no more bound.")
    soak: Duration = Field(default=0.0, ge=0, description="Wait after it, before the next wave begins.")
    approve: bool | Annotated[str, Field(min_length=1)] = Field(
        default=False, description="Whether a person must approve before the next wave begins, or the question."
    )

    @property
    def rest(self) -> bool:
        """Whether it has all clusters that no other wave names."""
        return self.prefixes is None and self.regions is None

    @model_validator(mode="after")
    def _one_choice(self) -> "Wave":
        if self.prefixes is not None and self.regions is not None:
            msg = "choose by `prefixes` or by `regions`, not by both"
            raise ValueError(msg)
        return self

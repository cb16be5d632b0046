"""Refuses what a rollback must not overwrite unasked, part by part, and says how each is asked for."""

from __future__ import annotations

from collections.abc import Mapping

from ws_deployment.errors import RefusedError


def refused(attempted: str, on: str, parts: Mapping[str, str], *, first: str = "Look at each") -> RefusedError:
    """The refusal of `parts`, each with what is wrong with it; `first` is what to do before forcing any."""
    flags = " ".join(f"--force-parts {part}" for part in parts)
    return RefusedError(
        attempted,
        on=on,
        why="; ".join(f"{part}: {what}" for part, what in parts.items()),
        remedy=f"{first}; to go on all the same: {flags}",
    )


def starts(meta: str) -> str:
    """The part that stands for the starts of a meta cluster as a whole: that anything takes them."""
    return f"starts/{meta}"

"""What the lab's meta clusters know of its clusters, read from their files: they need not run for it."""

from __future__ import annotations

from dataclasses import dataclass

from ws_deployment.lab.meta import list_metas
from ws_deployment.tools.files import read_json


@dataclass(frozen=True)
class Registered:
    """A registration at a meta cluster of the lab, by the name that it has there."""

    meta: str
    name: str
    url: str
    score: int
    cordoned: bool

    @property
    def takes_traffic(self) -> bool:
        """Whether workspaces may be started on it."""
        return not self.cordoned and self.score > 0


def registrations() -> list[Registered]:
    """All registrations at all meta clusters of the lab."""
    return [
        Registered(meta.name, each["name"], each["url"], each["score"], each["cordoned"])
        for meta in list_metas()
        for each in (read_json(meta.folder / "state.json") or {}).get("clusters", [])
    ]

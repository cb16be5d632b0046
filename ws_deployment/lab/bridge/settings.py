"""What the bridge process is told at its start: DIR/config.json, written by whoever starts it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ws_deployment.clients.bridge.model import Api


@dataclass(frozen=True)
class StaticCluster:
    """A cluster of the server's own configuration: listed, placed on, and never changed by calls."""

    name: str
    url: str


@dataclass(frozen=True)
class Settings:
    """Ports are TCP ports on 127.0.0.1, 0 for any free one. `seed` fixes the draw of placements."""

    home: Path
    name: str
    api: Api
    port: int
    metrics_port: int
    lab_home: Path
    seed: int | None = None
    static: tuple[StaticCluster, ...] = ()

    @classmethod
    def read(cls, home: Path) -> Settings:
        """Read `home`/config.json. Raises OSError, KeyError or ValueError where it is not as agreed."""
        told = json.loads((home / "config.json").read_text(encoding="utf-8"))
        return cls(
            home=home,
            name=told["name"],
            api=Api(told["api"]),
            port=int(told["port"]),
            metrics_port=int(told["metrics_port"]),
            lab_home=Path(told["lab_home"]),
            seed=told.get("seed"),
            static=tuple(StaticCluster(**each) for each in told.get("static", ())),
        )

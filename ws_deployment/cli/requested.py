"""What `run` and `plan` have in common: the options that say what to do, and the request that they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.options import state_for

if TYPE_CHECKING:
    from ws_deployment.engine.deployment import Request

ClusterId = Annotated[int | None, typer.Option(min=1, max=999, help="Id of the clusters; default: drawn.")]
Only = Annotated[list[str] | None, typer.Option(help="Only clusters of this prefix or name. Repeatable.")]
Exclude = Annotated[list[str] | None, typer.Option(help="No clusters of this prefix or name. Repeatable.")]
VersionsManifest = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Chart and image versions, over those of the config.")
]
SourceRef = Annotated[
    str | None, typer.Option(metavar="COMMIT", help="Take every git source of the config at this ref.")
]


@dataclass(frozen=True)
class Wanted:
    """The options' values."""

    config: Path
    cluster_id: int | None
    only: list[str] | None
    exclude: list[str] | None
    versions_manifest: Path | None
    source_ref: str | None

    def request(self, state: str) -> Request:
        """The request, with the state at `state`. Raises typer.Exit for a config at fault."""
        from ws_deployment.config import pinning  # noqa: PLC0415  loaded when used
        from ws_deployment.engine.deployment import Request  # noqa: PLC0415  loaded when used
        from ws_deployment.engine.pipeline import configure  # noqa: PLC0415  loaded when used

        read, _ = require(self.config)
        read = pinning.with_versions(read, self.versions_manifest) if self.versions_manifest else read
        read = pinning.with_source_ref(read, self.source_ref) if self.source_ref else read
        return Request(
            config=read,
            config_file=self.config,
            steps=configure(read),
            state=state_for(state, read, self.config),
            cluster_id=self.cluster_id,
            only=tuple(self.only or ()),
            exclude=tuple(self.exclude or ()),
        )

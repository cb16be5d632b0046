"""Options that several commands have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ws_deployment.config.v1 import ConfigV1
    from ws_deployment.engine.state import State

#: Names the config where `--config` does not.
CONFIG_VARIABLE = "WS_DEPLOYMENT_CONFIG"


def default_config() -> Path:
    """The config that is read when none is named: `$HOME/ws-deployment.yaml`."""
    return Path("~/ws-deployment.yaml").expanduser()


ConfigPath = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        default_factory=default_config,
        show_default="$HOME/ws-deployment.yaml",
        metavar="FILE",
        help="The config.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


StateServer = Annotated[
    str,
    typer.Option(
        "--state",
        envvar="WS_DEPLOYMENT_STATE",
        metavar="URL",
        help="A PostgreSQL database that keeps the state; default: the user's state folder.",
    ),
]
WaitForLocks = Annotated[
    float | None,
    typer.Option("--wait", min=0, metavar="SECONDS", help="Wait this long for what another run holds."),
]
ExitOnWait = Annotated[
    bool, typer.Option("--exit-on-wait", help="End with 6 when the run waits for a person or a moment.")
]
Detach = Annotated[bool, typer.Option("--detach", help="Leave it to workers and return its id; needs --state.")]
UnsharedLock = Annotated[
    bool,
    typer.Option(
        "--unshared-lock",
        help="In production: go on although runs from another state store can't see this one's lock.",
    ),
]
BesideOthers = Annotated[bool, typer.Option("--new", help="Begin beside an unfinished run of the same fleet.")]
MetricsTextfile = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the outcome as Prometheus metrics.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="An id, a unique prefix of one, or `latest`.")]


def state_at(server: str) -> State:
    """The state that `--state` names, or the user's own."""
    from ws_deployment.engine.state import State  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import state_path  # noqa: PLC0415  loaded when used

    return State.at(state_path(), server)


def state_for(server: str, config: ConfigV1, config_file: Path) -> State:
    """The state that `--state` names, else the config, else the user's own."""
    if server or config.state is None:
        return state_at(server)
    from ws_deployment.engine.secrets import read_secret  # noqa: PLC0415  loaded when used

    return state_at(read_secret(config.state.database, config_file.resolve().parent))


def detached(place: State, *, wanted: bool) -> bool:
    """Whether a run shall be left to workers. Raises UsageError where none can see the state."""
    if wanted and not place.server:
        from ws_deployment.errors import UsageError  # noqa: PLC0415  loaded when used

        raise UsageError("detaching", why="workers share no state folder", remedy="Name a PostgreSQL by --state.")
    return wanted


def wants_colour(stream: IO[str]) -> bool:
    """Whether to write colours to `stream`; NO_COLOR and FORCE_COLOR decide where they are set (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")

"""How a plan puts a shift into words."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.config.duration import format_duration
from ws_deployment.interfaces import Registration
from ws_deployment_steps.shift_stages import CanaryParameters, StageParameters

#: Where a canary is asked for and none is planned.
NO_CANARY = "no canary: there is no stage below 100 % to come, or the new clusters take starts already"


def summary(
    new: Sequence[str], old: Sequence[str], percents: Sequence[float], canary: CanaryParameters | None = None
) -> str:
    """From where to where, by which stages."""
    source = f"from {', '.join(old)} " if old else ""
    return f"move traffic {source}to {', '.join(new)}: {' → '.join(_levels(percents, canary))}"


def offline(
    meta: str,
    new: Sequence[str],
    stages: Sequence[StageParameters],
    canary: CanaryParameters | None,
    *,
    hold: float,
    warms_up: bool,
) -> str:
    """What can be said without knowing the weights. `hold` is in seconds."""
    levels = ", ".join(_levels([stage.percent for stage in stages], canary))
    room = ", waiting for room before each" if warms_up else ""
    return f"move {meta}'s traffic to {', '.join(new)}: {levels}, holding {format_duration(hold)} between{room}"


def weight(registration: Registration) -> str:
    """What a plan stands on: it is stale where this has changed."""
    state = "available" if registration.available else "cordoned"
    return f"score {registration.score} of at most {registration.max_score}, {state}"


def _levels(percents: Sequence[float], canary: CanaryParameters | None) -> list[str]:
    return [*([f"a canary of {canary.canary}"] if canary else []), *(f"{percent:g} %" for percent in percents)]

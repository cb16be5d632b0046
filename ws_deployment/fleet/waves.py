"""Which clusters of a fleet are in which wave."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.config.waves import Wave
from ws_deployment.fleet.clusters import Fleet


def members(waves: Sequence[Wave], fleet: Fleet) -> tuple[tuple[Wave, tuple[str, ...]], ...]:
    """Each wave that has clusters of the fleet, with their short names, in the fleet's order.

    A cluster is in the first wave that names it, else in the one that names none, else in a last one of its own.
    """
    home: dict[str, int] = {}
    rest = next((place for place, wave in enumerate(waves) if wave.rest), len(waves))
    for cluster in fleet.workspace_clusters:
        named = (
            place
            for place, wave in enumerate(waves)
            if cluster.prefix in (wave.prefixes or ()) or cluster.region in (wave.regions or ())
        )
        home[cluster.short_name] = next(named, rest)
    all_waves = [*waves, Wave()]
    found = ((wave, tuple(name for name, its in home.items() if its == place)) for place, wave in enumerate(all_waves))
    return tuple((wave, names) for wave, names in found if names)

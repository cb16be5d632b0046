"""Google Cloud's regions: which words can be one, which are, and which was meant."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from ws_deployment.config.suggest import edits, nearest, quoted

#: A region's form: continent, part of it, number (`europe-west1`).
WELL_FORMED = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}")
_ZONE = re.compile(r"(?P<region>[a-z]+-[a-z]+[0-9]{1,2})-[a-z]")
#: Continents as they are shortened in cluster names, and as other clouds write them.
_SHORT = {"eu": "europe", "na": "northamerica", "sa": "southamerica", "au": "australia"}


@cache
def known() -> tuple[str, ...]:
    """All regions that this release knows; the data's source and date stand in regions.txt."""
    lines = Path(__file__).with_name("regions.txt").read_text("utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def remedy(region: str) -> str:
    """Which region was meant by a word that is none; empty where none is near."""
    zone = _ZONE.fullmatch(region)
    if zone:
        return f"This is a zone; did you mean its region `{zone['region']}`?"
    continent, _, rest = region.lower().partition("-")
    near = nearest(f"{_SHORT.get(continent, continent)}-{rest}", known())
    if near and (continent in _SHORT or not WELL_FORMED.fullmatch(region)):
        return f"Did you mean `{near}`?"
    one_edit_away = [candidate for candidate in known() if edits(region, candidate) == 1]
    return f"Did you mean {quoted(one_edit_away).replace(' and ', ' or ')}?" if one_edit_away else ""

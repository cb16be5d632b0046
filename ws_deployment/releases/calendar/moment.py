"""A moment as people write it: a time with its zone. One without could be meant in any, and is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ws_deployment.errors import UsageError
from ws_deployment.releases.calendar.zones import zone

_ATTEMPTED = "reading the time"
_EXAMPLE = "2026-11-28T02:00+01:00, 2026-11-28T01:00Z or 2026-11-28T02:00[Europe/Berlin]"
#: A local time with the name of its zone (https://www.rfc-editor.org/rfc/rfc9557).
_NAMED = re.compile(r"(?P<local>[^\[\]]+)\[(?P<zone>[^\[\]]+)\]")


def moment(text: str) -> datetime:
    """The moment, in UTC, that an ISO 8601 text with an offset says, or one with the name of a zone in brackets.

    Raises UsageError for a text that is no time, that has no zone, or that its zone does not have, or has twice: when
    clocks are put forward or back.
    """
    named = _NAMED.fullmatch(text.strip())
    try:
        read = datetime.fromisoformat(named["local"] if named else text.strip())
    except ValueError as error:
        raise UsageError(_ATTEMPTED, on=text, why="it is none", remedy=f"Write it like {_EXAMPLE}.") from error
    if named:
        return _in_zone(read, named["zone"], text)
    if read.tzinfo is None:
        raise UsageError(_ATTEMPTED, on=text, why="it has no zone", remedy=f"Write it like {_EXAMPLE}.")
    return read.astimezone(UTC)


def _in_zone(local: datetime, name: str, text: str) -> datetime:
    if local.tzinfo is not None:
        if local.astimezone(zone(name)).utcoffset() != local.utcoffset():
            raise UsageError(_ATTEMPTED, on=text, why="its offset is not the zone's", remedy="Leave one of them out.")
        return local.astimezone(UTC)
    first, second = (local.replace(tzinfo=zone(name), fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    # Python reads a time in a gap too; what it stands for is then another time of day.
    if first.astimezone(UTC).astimezone(first.tzinfo).replace(tzinfo=None) != local:
        why = "there is no such time in that zone: clocks are put forward then"
        raise UsageError(_ATTEMPTED, on=text, why=why, remedy="Name a time before or after.")
    remedy = f"Write {first.isoformat()} or {second.isoformat()}."
    raise UsageError(_ATTEMPTED, on=text, why="that zone has this time twice: clocks are put back then", remedy=remedy)

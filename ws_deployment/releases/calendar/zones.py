"""Time zones by name, and how moments are shown in them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ws_deployment.config.suggest import nearest
from ws_deployment.errors import UsageError


def zone(name: str) -> ZoneInfo:
    """The time zone of that name (`Europe/Berlin`, `UTC`). Raises UsageError for what is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = available_timezones()
        if not known:
            remedy = "Install the time zones: `pip install tzdata`, or the system's package of that name."
            raise UsageError("reading the time zone", on=name, why="this machine knows none", remedy=remedy) from error
        near = nearest(name, known)
        remedy = f"Did you mean `{near}`?" if near else "Name one like Europe/Berlin or UTC."
        raise UsageError("reading the time zone", on=name, why="there is none of that name", remedy=remedy) from error


def shown(moment: datetime, place: ZoneInfo | None = None) -> str:
    """`Sat 2026-11-28 02:00 CET (01:00 UTC)`, and in UTC alone where no place is given."""
    universal = moment.astimezone(UTC)
    if place is None:
        return f"{universal:%a %Y-%m-%d %H:%M} UTC"
    local = moment.astimezone(place)
    if local.utcoffset() == universal.utcoffset():
        return f"{universal:%a %Y-%m-%d %H:%M} UTC"
    day = "" if local.date() == universal.date() else f"{universal:%a} "
    return f"{local:%a %Y-%m-%d %H:%M %Z} ({day}{universal:%H:%M} UTC)"

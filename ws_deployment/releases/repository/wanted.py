"""What a plan makes of an object as the repository has it: the plan's changes upon it, where it is what was planned on.

A repository says less than the API server has (defaults are missing there), so the plan's objects are not copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ws_deployment.errors import RefusedError
from ws_deployment.releases.paths import ABSENT, text_of, value_at, with_value
from ws_deployment.releases.plan import FieldChange
from ws_deployment.releases.values import same


def wanted(kept: Any, changes: Sequence[FieldChange], where: str) -> Any:
    """The object `kept` (JSON values) with the changes that it does not have yet.

    Values count as equal that mean the same to Kubernetes (`1Gi` and `1024Mi`): they stay as they are written. A field
    that the repository does not name counts as one that is as the plan found it: it was the API server's
    default. Raises RefusedError, naming `where` it stands, for a field that is neither what the plan found nor what it
    makes of it.
    """
    for change in changes:
        here = value_at(kept, change.path)
        if _equal(here, change.after) and type(here) is type(change.after):
            continue
        if here is not ABSENT and not _equal(here, change.before):
            field = text_of(change.path)
            raise RefusedError(
                "writing the upgrade into",
                on=where,
                why=f"{field} is {_shown(here)} there; the plan found {_shown(change.before)} at the cluster and makes "
                f"it {_shown(change.after)}",
                remedy="Bring the cluster and the repository together first, then plan again.",
            )
        kept = with_value(kept, change.path, change.after)
    return kept


def _equal(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same(one, other)


def _shown(value: Any) -> str:
    return "not there" if value is ABSENT else repr(value)

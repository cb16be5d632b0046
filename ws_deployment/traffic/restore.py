"""The way back from a shift: from the weights of now to those before it, in writes of a safe order. Pure.

Old clusters come up before new ones go down, so where starts have a home after it, they have one all the way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ws_deployment.traffic.ramp import Registration, Write

#: A score, and whether the cluster takes starts.
Weight = tuple[int, bool]


@dataclass(frozen=True)
class WayBack:
    """The writes, the scores that they come to, and what is in the way, by cluster.

    `changed` has a weight that the shift never wrote, `gone` is an old cluster that is registered no more. Neither is
    overwritten unless it was forced: a changed one is then written all the same, a gone one left out. `homeless`:
    nothing would take starts in the end.
    """

    writes: tuple[Write, ...]
    scores: Mapping[str, int]
    changed: Mapping[str, str]
    gone: Mapping[str, str]
    homeless: bool


def way_back(
    before: Mapping[str, Registration],
    now: Mapping[str, Registration],
    passed: Mapping[str, Collection[Weight]],
    *,
    exact: bool = True,
) -> WayBack:
    """How the weights of the clusters in `passed`, which tells those that the shift gave them, become `before` again.

    `exact` is False where single writes are another's: then a weight counts by the starts that it brings, and its
    score alone tells whether the shift could have written it.
    """
    changed: dict[str, str] = {}
    gone: dict[str, str] = {}
    targets: dict[str, Registration] = {}
    for name, its in passed.items():
        target, there = before[name], now.get(name)
        if there is None or (target.url and there.url and there.url != target.url):
            if target.available:
                gone[name] = f"registered with {there.url}, not {target.url}" if there else "registered no more"
            continue
        targets[name] = replace(there, score=target.score, available=target.available)
        if not _known(there, target, its, exact=exact):
            changed[name] = f"{_weight(there)}, which the shift did not write"
    writes = safe_writes(now, targets, exact=exact)
    end = now
    for write in writes:
        end = applied(end, write)
    return WayBack(
        writes,
        {name: target.score if target.available else 0 for name, target in targets.items()},
        changed,
        gone,
        homeless=bool(writes) and not takes_starts(end.values()),
    )


def safe_writes(
    now: Mapping[str, Registration], targets: Mapping[str, Registration], *, exact: bool = True
) -> tuple[Write, ...]:
    """What comes up first; of each, its score before it takes starts, and none before its score goes down."""
    if not exact and all(now[name].effective == target.effective for name, target in targets.items()):
        return ()
    writes: list[Write] = []
    for name in sorted(targets, key=lambda name: targets[name].effective <= now[name].effective):
        there, target = now[name], targets[name]
        score = [Write(name, "score", target.score)] if there.score != target.score else []
        cordon = [Write(name, "cordoned", int(not target.available))] if there.available != target.available else []
        writes += [*score, *cordon] if target.available else [*cordon, *score]
    return tuple(writes)


def weights(before: Mapping[str, Registration], writes: Iterable[Write]) -> dict[str, set[Weight]]:
    """The weights that each cluster has on the way of `writes`, as it was before them and after each."""
    passed: dict[str, set[Weight]] = {}
    now = dict(before)
    for write in writes:
        name = write.cluster
        passed.setdefault(name, {(now[name].score, now[name].available)})
        now = applied(now, write)
        passed[name].add((now[name].score, now[name].available))
    return passed


def applied(now: Mapping[str, Registration], write: Write) -> dict[str, Registration]:
    """The registrations after a write."""
    there = now[write.cluster]
    after = replace(there, **({"score": write.value} if write.property == "score" else {"available": not write.value}))
    return {**now, write.cluster: after}


def takes_starts(registrations: Iterable[Registration]) -> bool:
    """Whether any of them takes the starts of everybody."""
    return any(registration.effective and not registration.limited for registration in registrations)


def recorded(registration: Registration) -> dict[str, Any]:
    """A registration as JSON; `read` reads it."""
    return {
        "score": registration.score,
        "maxScore": registration.max_score,
        "available": registration.available,
        "static": registration.static,
        "url": registration.url,
    }


def read(name: str, told: Mapping[str, Any]) -> Registration:
    """The registration that `recorded` told."""
    return Registration(
        name,
        told["score"],
        available=told["available"],
        max_score=told["maxScore"],
        url=told["url"],
        static=told["static"],
    )


def _known(there: Registration, target: Registration, passed: Collection[Weight], *, exact: bool) -> bool:
    """Whether the shift, or an earlier attempt to go back from it, leaves a cluster as it is."""
    if not exact:
        return there.score in {0, target.score, *(score for score, _ in passed)}
    allowed = set(passed)
    for score, available in passed:
        allowed |= {(target.score, available)} if target.available else {(score, False)}
    return (there.score, there.available) in {*allowed, (target.score, target.available)}


def _weight(registration: Registration) -> str:
    return f"score {registration.score}, {'available' if registration.available else 'cordoned'}"

"""The way back to recorded weights: which writes, in which order, and what stands against it. Pure.

What took starts comes up before anything goes down, so at no moment are starts without a home.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ws_deployment.engine.meta_memory import Weight
from ws_deployment.interfaces import Registration
from ws_deployment.traffic.ramp import Write, shares
from ws_deployment.traffic.restore import safe_writes, takes_starts


@dataclass(frozen=True)
class WayBack:
    """Writes in their safe order; `target` is what is reached by them, `shares` percent of starts then.

    `refusals` stand against it: none of the writes may be made. `notes` say what stays as it is although it differs.
    """

    writes: tuple[Write, ...]
    target: Mapping[str, Registration]
    refusals: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def shares(self) -> Mapping[str, float]:
        """Percent of starts by short name when all is written."""
        return shares(tuple(self.target.values()))


def way_back(
    before: Sequence[Weight],
    now: Sequence[Registration],
    *,
    made: Collection[str] = (),
    gone: Collection[str] = (),
) -> WayBack:
    """How to come from `now` to `before`.

    `made` are clusters that came after the record and shall take no starts; others that it does not know stay as
    they are. `gone` are clusters that are registered but known not to exist any more.
    """
    there = {each.name: each for each in now}
    recorded = {each.name: each for each in before}
    refusals = [text for each in before if each.effective for text in _against(each, there, gone)]
    notes = [text for each in before for text in _unlike(each, there)]
    target = dict(there)
    for name, each in there.items():
        weight = recorded.get(name)
        if each.static:
            continue
        if weight is None and name in made:
            target[name] = replace(each, available=False)
        elif weight is None:
            notes.append(f"{name} is not in the record and stays as it is")
        elif weight.url in {"", each.url} and name not in gone:
            target[name] = replace(each, score=weight.score, available=not weight.cordoned)
    if not takes_starts(target.values()):
        refusals.append("no cluster would take starts afterwards")
    return WayBack(safe_writes(there, target), target, tuple(refusals), tuple(notes))


def _against(weight: Weight, there: Mapping[str, Registration], gone: Collection[str]) -> Iterator[str]:
    now = there.get(weight.name)
    if now is None:
        yield f"{weight.name} took starts and is registered no more"
    elif weight.url not in {"", now.url}:
        yield f"{weight.name} took starts at {weight.url}; that name is another cluster's now, at {now.url}"
    elif weight.name in gone:
        yield f"{weight.name} took starts and its cluster is gone, although it is registered"


def _unlike(weight: Weight, there: Mapping[str, Registration]) -> Iterator[str]:
    now = there.get(weight.name)
    if now is None:
        if not weight.effective:
            yield f"{weight.name} is registered no more; it took no starts"
        return
    if weight.url not in {"", now.url} and not weight.effective:
        yield f"{weight.name} is another cluster now and stays as it is"
    if now.static and (now.score != weight.score or now.available == weight.cordoned):
        yield f"{weight.name} is static: the bridge's own configuration decides its weight"
    if now.max_score != weight.max_score:
        yield f"{weight.name} had a maximum score of {weight.max_score}, and has {now.max_score}"

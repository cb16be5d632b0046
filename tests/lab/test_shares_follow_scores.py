"""Starts follow the scores that a ramp writes, as the lab's bridge draws them: 10,000 a stage, seeds fixed."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from ws_deployment.clients.bridge.model import Api
from ws_deployment.lab.bridge.placement import candidates, choose
from ws_deployment.lab.bridge.store import Cluster
from ws_deployment.traffic.measured import fit
from ws_deployment.traffic.ramp import Registration, ramp

STARTS = 10_000


@pytest.mark.parametrize(("olds", "news"), [(1, 1), (3, 2), (5, 5)])
@pytest.mark.parametrize("api", list(Api))
def test_measured_shares_are_those_of_the_written_scores(olds: int, news: int, api: Api) -> None:
    old = {f"old{n}": 50 - 7 * n for n in range(olds)}
    new = [f"new{n}" for n in range(news)]
    there = [Registration(name, score, available=True) for name, score in old.items()]
    there += [Registration(name, 50, available=False) for name in new]
    clusters = {
        each.name: Cluster(each.name, f"https://{each.name}", cordoned=not each.available, score=each.score)
        for each in there
    }
    draw = random.Random(17)
    before: dict[str, int] = dict(old)
    for stage in ramp(new, list(old), there, (10, 50, 100), 0.0):
        for write in stage.writes:
            values = vars(clusters[write.cluster]) | (
                {"score": write.value} if write.property == "score" else {"cordoned": bool(write.value)}
            )
            clusters[write.cluster] = Cluster(**values)
        among = candidates(list(clusters.values()), api)
        counts = Counter(choose(among, draw).name for _ in range(STARTS))
        measured = fit(counts, stage.scores, before)
        assert measured.verdict == "fits", f"{stage.percent:g} %: {counts} for {stage.scores}"
        share = 100 * sum(counts[name] for name in new) / STARTS
        assert abs(share - stage.percent) < 2.5
        before = dict(stage.scores)

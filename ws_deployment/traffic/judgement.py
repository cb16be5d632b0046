"""What a look at a gate comes to: one of four verdicts, and the judgement of a single number. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ws_deployment.config.condition import Condition

#: success and failed are sure; inconclusive is too little data or in between; error is that nothing could be judged.
Word = Literal["success", "failed", "inconclusive", "error"]
#: What `samples` of a gate has to reach where the config does not say.
MIN_SAMPLES = 20.0


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and the numbers it rests on: the value, the old clusters' one, how many samples there were."""

    verdict: Word
    text: str
    value: float | None = None
    baseline: float | None = None
    samples: int | None = None


def judge_value(
    values: Sequence[float],
    success: Condition | None,
    failure: Condition | None,
    *,
    samples: Sequence[float] | None = None,
    min_samples: float | None = None,
) -> Judgement:
    """Judge what a query gave, one number a series. At least one condition is given.

    `samples` is what the query for them gave, where the gate has one. No series, several, NaN and an infinite number
    that is not bad are errors: what can't be told is never good.
    """
    if samples is not None:
        there = sum(value for value in samples if math.isfinite(value))
        enough = MIN_SAMPLES if min_samples is None else min_samples
        if there < enough:
            return Judgement("inconclusive", f"too little data: {there:g} of {enough:g} samples", samples=int(there))
    count = None if samples is None else int(there)
    if len(values) != 1:
        what = f"{len(values)} series where one is wanted" if values else "no data"
        return Judgement("error", what, samples=count)
    (value,) = values
    if math.isnan(value):
        return Judgement("error", "the value is not a number (NaN): divided by nothing", samples=count)
    return _judged(value, success, failure, count)


def _judged(value: float, success: Condition | None, failure: Condition | None, count: int | None) -> Judgement:
    good = success.holds(value) if success else not (failure and failure.holds(value))
    bad = failure.holds(value) if failure else not good
    told = f"{value:.4g}"
    if bad:
        why = f"is {failure.text}" if failure else f"is not {success.text}" if success else ""
        return Judgement("failed", f"{told} {why}", value, samples=count)
    if math.isinf(value):
        return Judgement("error", f"the value is {told}", samples=count)
    if good:
        why = f"is {success.text}" if success else f"is not {failure.text}" if failure else ""
        return Judgement("success", f"{told} {why}", value, samples=count)
    between = f"is neither {success.text} nor {failure.text}" if success and failure else ""
    return Judgement("inconclusive", f"{told} {between}", value, samples=count)

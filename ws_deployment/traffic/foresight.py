"""How long a comparison will need to come to a verdict, at the present rate of starts. Pure."""

from __future__ import annotations

import math

from ws_deployment.config.gates import Comparison
from ws_deployment.traffic.comparison import LOWEST, Counts, by_itself, highest, times_looked_for

#: In minutes.
_HOUR, _DAY = 60.0, 1440.0
#: Starts a minute from which tenths don't matter.
_WHOLE = 10.0


def minutes_needed(
    comparison: Comparison, *, new_rate: float, old_rate: float, old_ratio: float, tests: int = 1
) -> tuple[float, float]:
    """Minutes until a verdict on one new cluster, on average: when it is good, when it is bad.

    Rates are starts a minute of that cluster and of the old ones together, `old_ratio` is what part of theirs goes
    bad. Infinite where it would never come.
    """
    if new_rate <= 0:
        return math.inf, math.inf
    few = comparison.min_starts / new_rate
    old_few = comparison.min_starts / old_rate if old_rate > 0 else math.inf
    alone = -by_itself(Counts(old_ratio, 1.0), comparison.at_least)
    good = max(few, -LOWEST / (alone * new_rate)) if alone > 0 else math.inf
    if old_rate <= 0 or old_ratio <= 0:
        return good, math.inf
    times = times_looked_for(old_ratio, comparison)
    part = new_rate / (new_rate + old_rate)
    none = math.log(times * part + 1 - part)
    failures = old_ratio * (new_rate + old_rate)
    sinks = none - part * math.log(times)
    bad_failures = old_ratio * (times * new_rate + old_rate)
    rises = times * part / (times * part + 1 - part) * math.log(times) - none
    good = min(good, max(few, old_few, _over(-LOWEST, failures * sinks)))
    return good, max(few, old_few, _over(highest(tests), bad_failures * rises))


def _over(wanted: float, a_minute: float) -> float:
    return wanted / a_minute if a_minute > 0 else math.inf


def foretold(minutes: float, rate: float) -> str:
    """`inconclusive for about 3 h at 2 starts a minute`; `rate` is of all starts."""
    told = f"{rate:.0f}" if rate >= _WHOLE else f"{rate:.2g}"
    at = f"at {told} start{'' if told == '1' else 's'} a minute"
    if not math.isfinite(minutes):
        return f"inconclusive {at}"
    if minutes >= 2 * _DAY:
        return f"inconclusive for about {minutes / _DAY:.0f} days {at}"
    if minutes >= 2 * _HOUR:
        return f"inconclusive for about {minutes / _HOUR:.0f} h {at}"
    return f"inconclusive for about {max(math.ceil(minutes), 1)} min {at}"

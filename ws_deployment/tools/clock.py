"""The clock of leases: it runs evenly, whatever is done to the time of day."""

from __future__ import annotations

import time

#: Counts the time that the machine slept, as the others' clocks do; so does a stopped process's.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds that pass evenly, sleep of the machine included."""
    return time.clock_gettime(_CLOCK)

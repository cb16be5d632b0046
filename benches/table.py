"""`make bench`: every figure that is promised, beside its peer in the same run, as one table.

Names of benches as arguments run those alone: startup, engine, planning, looking, resuming, rollout, sharing,
turning_back, judging, upgrades.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys

from rows import Row

BENCHES = (
    "startup",
    "engine",
    "planning",
    "looking",
    "resuming",
    "rollout",
    "sharing",
    "turning_back",
    "judging",
    "upgrades",
)


def main() -> int:
    """Run the benches and print the table; 1 where a promise is not kept."""
    rows: list[Row] = []
    for name in sys.argv[1:] or BENCHES:
        print(f"measuring {name} ...", file=sys.stderr)
        rows += importlib.import_module(name).rows()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load before {os.getloadavg()[1]:.1f}\n")
    head = ("what", "ours", "peer", "theirs", "ratio", "promised", "kept")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 1 if any(row.kept is False for row in rows) else 0


def _cells(row: Row) -> tuple[str, ...]:
    promised = "" if row.limit is None else f"≤ {row.limit:g}"
    if row.allowance:
        promised += f" + {row.allowance:g} {row.unit}"
    kept = {True: "yes", False: "NO", None: ""}[row.kept]
    ours, theirs = f"{row.ours:.1f} {row.unit}", f"{row.theirs:.1f} {row.unit}"
    return row.what, ours, row.peer, theirs, f"{row.ratio:.2f}", promised, kept


if __name__ == "__main__":
    sys.exit(main())

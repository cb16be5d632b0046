"""Doubles of programs as things that can be started: a file a program, run by this very Python."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

DOUBLES = Path(__file__).parents[1] / "doubles"


def double(name: str, folder: Path) -> str:
    """Write a program `name` into `folder` that is the double of that name, and return its path."""
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(DOUBLES / name))}.py "$@"\n')
    path.chmod(0o755)
    return str(path)

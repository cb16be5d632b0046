"""A file that holds plans, one JSON document a line: so that those of many clusters are written as they are made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ws_deployment.errors import UsageError
from ws_deployment.releases.plan import UpgradePlan

_REMEDY = "Make one with `ws-deployment upgrade plan --out`."


def write(path: Path, plans: Iterable[UpgradePlan]) -> Iterator[UpgradePlan]:
    """Write plans (0600) as they come, and hand each on; the file is in its place when all have come.

    Raises UsageError where nothing can be written there.
    """
    if path.is_dir():
        raise _unwritable(path, "it is a folder")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise _unwritable(path, error.strerror or str(error)) from error
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            for plan in plans:
                file.write(json.dumps(plan.as_json(), ensure_ascii=False, separators=(",", ":")) + "\n")
                yield plan
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _unwritable(path: Path, why: str) -> UsageError:
    return UsageError("saving plans to", on=str(path), why=why, remedy="Give --out another path.")


def read(path: Path) -> tuple[UpgradePlan, ...]:
    """The plans of a file. Raises UsageError for what holds none, or was changed by hand."""
    return tuple(_read(path))


def _read(path: Path) -> Iterator[UpgradePlan]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError("reading plans from", on=str(path), why=why, remedy=_REMEDY) from error
    except UnicodeDecodeError as error:
        raise UsageError("reading plans from", on=str(path), why=f"it is no text: {error}", remedy=_REMEDY) from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise UsageError("reading plans from", on=str(path), why="it holds none", remedy=_REMEDY)
    for number, line in lines:
        try:
            yield _plan(line)
        except ValueError as error:
            raise UsageError("reading plans from", on=f"{path}:{number}", why=str(error), remedy=_REMEDY) from error


def _plan(line: str) -> UpgradePlan:
    """The plan of a line. Raises ValueError for what is none."""
    try:
        data = json.loads(line)
    except ValueError as error:
        raise ValueError(f"it is no upgrade plan, nor any JSON: {error}") from error
    try:
        return UpgradePlan.from_json(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no upgrade plan: {type(error).__name__}: {error}") from error

"""A plan on disk: what a run would do, kept for review, and carried out later exactly so.

`plan.json` is for people and programs and holds no secret. Beside it, in `plan.json.files`, lie the files that tools
need to carry it out (Terraform's own plan), which may hold some.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ws_deployment import __version__
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine.outcome import Intent
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.staleness import AGAIN
from ws_deployment.errors import StalePlanError, UsageError
from ws_deployment.interfaces import Scope
from ws_deployment.tools.digest import digest_of
from ws_deployment.tools.files import write_json
from ws_deployment.tools.folders import private_folder

#: Version of the document; it rises when a reader of the former one would misread it.
FORMAT = 1


@dataclass(frozen=True)
class SavedPlan:
    """What was planned: the request made concrete, each task's intent, and digests of the files beside it.

    `run` is the id of the run that applies it: whatever Terraform planned bears that mark already. So a plan is
    applied once. `folder` is where the files are; None where there are none, or where they are not known.
    """

    run: str
    made: str
    config: ConfigV1
    config_file: Path
    cluster_id: int
    only: tuple[str, ...]
    exclude: tuple[str, ...]
    fleet: str
    clusters: tuple[str, ...]
    planned: tuple[tuple[Task, Intent], ...]
    unasked: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    program: str = __version__
    folder: Path | None = None

    @property
    def intents(self) -> dict[str, Intent]:
        """What each task is to do, by key."""
        return {task.key: intent for task, intent in self.planned}

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them."""
        config = self.config.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {
            "v": FORMAT,
            "program": self.program,
            "made": self.made,
            "run": self.run,
            "fleet": self.fleet,
            "environment": self.config.environment,
            "clusterId": self.cluster_id,
            "clusters": list(self.clusters),
            "configFile": str(self.config_file),
            "configDigest": _digest(config),
            "config": config,
            "only": list(self.only),
            "exclude": list(self.exclude),
            "tasks": [task_as_json(task, intent) for task, intent in self.planned],
            "unasked": list(self.unasked),
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], folder: Path | None = None) -> SavedPlan:
        """The plan that `as_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        if _digest(data["config"]) != data["configDigest"]:
            msg = "its config is not the one that was planned"
            raise ValueError(msg)
        return cls(
            run=data["run"],
            made=data["made"],
            config=ConfigV1.model_validate(data["config"]),
            config_file=Path(data["configFile"]),
            cluster_id=data["clusterId"],
            only=tuple(data["only"]),
            exclude=tuple(data["exclude"]),
            fleet=data["fleet"],
            clusters=tuple(data["clusters"]),
            planned=tuple((_task(each), Intent.from_json(each)) for each in data["tasks"]),
            unasked=tuple(data["unasked"]),
            files=data["files"],
            program=data["program"],
            folder=folder,
        )

    @classmethod
    def read(cls, path: Path) -> SavedPlan:
        """The plan at `path`.

        Raises UsageError for what is no plan, StalePlanError for one that this program can't carry out as it was made:
        of another format, or with files that are not those that were planned.
        """
        try:
            data = json.loads(path.read_bytes())
        except OSError as error:
            raise _unreadable(path, error.strerror or str(error)) from error
        except ValueError as error:
            raise _unreadable(path, f"it holds no JSON: {error}") from error
        if not isinstance(data, dict) or "v" not in data or "tasks" not in data:
            raise _unreadable(path, "it is no saved plan")
        if data["v"] != FORMAT:
            why = f"ws-deployment {data.get('program', 'of another version')} saved it in format {data['v']}, "
            raise _stale(path, f"{why}and this one ({__version__}) reads format {FORMAT}")
        folder = files_beside(path)
        try:
            plan = cls.from_json(data, folder if folder.is_dir() else None)
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(path, f"{type(error).__name__}: {error}") from error
        if differing := plan.differing_files():
            raise _stale(path, f"{', '.join(differing)} in {folder.name} is not what was planned")
        return plan

    def differing_files(self) -> tuple[str, ...]:
        """Files of the plan that are missing or hold something else, and files that the plan does not know."""
        found = digests(self.folder) if self.folder else {}
        return tuple(
            sorted(name for name in self.files.keys() | found.keys() if self.files.get(name) != found.get(name))
        )


def files_beside(path: Path) -> Path:
    """The folder of the files of the plan at `path`."""
    return path.with_name(f"{path.name}.files")


def staging(path: Path) -> Path:
    """A new private folder (0700) beside `path`, for the files of the plan that shall be there.

    Raises UsageError where nothing can be written there.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise UsageError(
            "saving the plan to", on=str(path), why=error.strerror or str(error), remedy="Give --out another path."
        ) from error


def write(path: Path, plan: SavedPlan, staged: Path) -> None:
    """Put a plan (0600) and its files, which are in `staged`, in the place of what is at `path`.

    A crash between the two leaves files that do not fit the plan, which is then refused.
    """
    folder = files_beside(path)
    shutil.rmtree(folder, ignore_errors=True)
    if any(staged.iterdir()):
        staged.replace(folder)
    else:
        staged.rmdir()
    write_json(path, plan.as_json())


def keep_files(plan: SavedPlan, folder: Path) -> Path | None:
    """Copy the plan's files into the private folder `folder`: what is applied must not change with the original."""
    if plan.folder is None:
        return None
    private_folder(folder.parent)
    shutil.copytree(plan.folder, folder, dirs_exist_ok=True, copy_function=_copy_private)
    folder.chmod(0o700)
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Digest of each file below a folder, by its path there."""
    return {
        file.relative_to(folder).as_posix(): digest_of(file) for file in sorted(folder.rglob("*")) if file.is_file()
    }


def now() -> str:
    """This moment as a plan records it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def task_as_json(task: Task, intent: Intent) -> dict[str, Any]:
    """A planned task as JSON values."""
    return {
        "task": task.key,
        "step": task.step,
        "scope": task.scope,
        "target": task.target,
        "clusters": list(task.clusters),
        "after": list(task.after),
        **intent.as_json(),
    }


def concerned(planned: Sequence[tuple[Task, Intent]], *statuses: str) -> list[str]:
    """Keys of the tasks whose intents have one of the statuses."""
    return [task.key for task, intent in planned if intent.status in statuses]


def _task(data: Mapping[str, Any]) -> Task:
    return Task(
        key=data["task"],
        step=data["step"],
        scope=Scope(data["scope"]),
        target=data["target"],
        clusters=tuple(data["clusters"]),
        after=tuple(data["after"]),
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _copy_private(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    os.chmod(target, 0o600)  # noqa: PTH101  copytree hands on texts


def _unreadable(path: Path, why: str) -> UsageError:
    return UsageError("reading the plan", on=str(path), why=why, remedy="Save one with `ws-deployment plan --out`.")


def _stale(path: Path, why: str) -> StalePlanError:
    return StalePlanError("applying", on=str(path), why=why, remedy=AGAIN)

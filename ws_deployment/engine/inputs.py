"""What a run reads of this machine's files, kept by content: it goes on with them as they were when it began.

Values files, local charts, local Terraform modules. Secrets are none of them: they are read anew wherever they are
needed, and kept nowhere.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.engine.context import TaskContext
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import IStep
from ws_deployment.tools.digest import LEFTOVERS
from ws_deployment.tools.files import write_private
from ws_deployment.tools.folders import private_folder
from ws_deployment.tools.lock import locked

if TYPE_CHECKING:
    from ws_deployment.engine.deployment import Deployment
    from ws_deployment.engine.state import State

#: Most bytes that one input may have: more is no configuration.
MOST = 64 * 2**20


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run: digest by path. They are laid out below `folder` when they are first asked for."""

    digests: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    state: State | None = None

    def at(self, path: Path) -> Path:
        """Where `path` is as it was when the run began; `path` itself where the run keeps none of it."""
        for top in (path, *path.parents) if self.digests else ():
            if digest := self.digests.get(str(top)):
                return self._laid_out(digest, top.name) / path.relative_to(top)
        return path

    def _laid_out(self, digest: str, name: str) -> Path:
        target = self.folder / digest[:16] / name
        if target.exists():
            return target
        from ws_deployment.engine import contents  # noqa: PLC0415  likewise
        from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy, and only a run with inputs needs it

        assert self.state is not None  # noqa: S101  whoever keeps inputs says where
        with locked(self.folder / f"{digest[:16]}.lock"):
            if not target.exists():
                with opened(self.state) as store:
                    _unpack(contents.read(store.engine, digest), private_folder(target.parent), name)
        return target


def read(deployment: Deployment) -> tuple[dict[str, str], dict[str, bytes]]:
    """What the tasks of a run read: digest by path, and content by digest.

    Raises WsDeploymentError for what can't be kept.
    """
    digests: dict[str, str] = {}
    packed: dict[str, bytes] = {}
    for task in deployment.tasks:
        step = deployment.configured(task).step
        if type(step).inputs is IStep.inputs:
            continue  # it says that it reads none
        context = TaskContext(deployment.surroundings, deployment.fleet, task, {})
        for path in step.inputs(context):
            if str(path) not in digests:
                content = _packed(path)
                digests[str(path)] = digest = hashlib.sha256(content).hexdigest()
                packed[digest] = content
    return digests, packed


def of_record(digests: Mapping[str, str], run: str, state: State) -> Inputs:
    """The inputs that a run's record names."""
    return Inputs(digests, state.folder / "runs" / run / "inputs", state)


def _packed(path: Path) -> bytes:
    """A file or a folder as a tar that is the same for the same content."""
    buffer = io.BytesIO()
    try:
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, file in _files(path):
                about = tarfile.TarInfo(name)
                about.size = file.stat().st_size
                about.mode = 0o700 if file.stat().st_mode & 0o100 else 0o600
                if buffer.tell() + about.size > MOST:
                    why = f"it has more than {MOST // 2**20} MiB"
                    raise WsDeploymentError("keeping", on=str(path), why=why, remedy="Name what is needed of it alone.")
                with file.open("rb") as content:
                    tar.addfile(about, content)
    except OSError as error:
        why = error.strerror or str(error)
        raise WsDeploymentError("keeping", on=str(path), why=why, remedy="Check the path in the config.") from error
    return buffer.getvalue()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        yield "", path
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        if file.is_file() and LEFTOVERS.isdisjoint(name.parts) and ".tfstate" not in file.name:
            yield name.as_posix(), file


def _unpack(content: bytes, parent: Path, name: str) -> None:
    """Lay out what `_packed` made as `parent`/`name`, whole or not at all."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = tar.getmembers()
        if [member.name for member in members] == [""]:
            write_private(parent / name, _content(tar, members[0]))
            return
        made = Path(tempfile.mkdtemp(dir=parent))
        for member in members:
            file = made / member.name
            if not file.resolve().is_relative_to(made.resolve()):
                raise WsDeploymentError("laying out", on=member.name, why="it points out of its folder")
            private_folder(file.parent)
            write_private(file, _content(tar, member))
            file.chmod(member.mode & 0o700)
    try:
        made.rename(parent / name)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""

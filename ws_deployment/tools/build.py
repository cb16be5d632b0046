"""Builds the tools of a recipe, once: under a lock, into a folder that appears only when it is complete."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ws_deployment.errors import WsDeploymentError
from ws_deployment.tools.folders import cache_home, private_folder
from ws_deployment.tools.golang import Go, provide_go, wanted_by
from ws_deployment.tools.lock import locked
from ws_deployment.tools.process import Completed, run
from ws_deployment.tools.recipes import RECIPES, Recipe

#: Packages between two lines of progress.
_STEP = 100
#: A build from nothing took 8 CPU-minutes; seconds after which something must be wrong.
_LIMIT = 3600.0
_PACKAGE = re.compile(r"^[\w.~-]+(/[\w.~+-]+)*$")


def build(recipe: Recipe, on_progress: Callable[[str], None]) -> Path:
    """Return the folder of the recipe's programs; they are built if they are not there. Minutes, then milliseconds.

    `on_progress` gets lines for people: what is downloaded, how many packages are compiled. Two that build at the
    same time are one: the second waits. Raises MissingToolError without Go, WsDeploymentError when Go fails.
    """
    folder = recipe.folder()
    if folder.is_dir():
        return folder
    home = private_folder(folder.parent)
    with locked(home.with_suffix(".lock"), timeout=_LIMIT, on_wait=lambda: on_progress(_waiting(recipe))):
        if not folder.is_dir():
            go = provide_go(wanted_by(recipe.module / "go.mod"), on_progress)
            with tempfile.TemporaryDirectory(dir=home, prefix=".build-") as scratch:
                _compile(recipe, go, Path(scratch), on_progress)
                Path(scratch, "bin").replace(folder)
    return folder


def clean_up(on_progress: Callable[[str], None]) -> None:
    """Remove what earlier pins have built, and the Go toolchain of the wheel with its caches. Programs in use stay."""
    in_use = {recipe.folder().parent.name for recipe in RECIPES.values()}
    for path in sorted((cache_home() / "tools").iterdir()):
        if path.is_dir() and path.name not in in_use:
            on_progress(f"removing {path}")
            _remove(path)


def _remove(folder: Path) -> None:
    # Go makes its module cache read-only.
    for path in (folder, *(each for each in folder.rglob("*") if each.is_dir() and not each.is_symlink())):
        path.chmod(0o700)
    shutil.rmtree(folder)


def _compile(recipe: Recipe, go: Go, scratch: Path, on_progress: Callable[[str], None]) -> None:
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(recipe.module / name, scratch / name)
    (scratch / "bin").mkdir(mode=0o755)
    argv = [str(go.program), "build", "-v", *recipe.flags(), "-o", f"{scratch}/bin/", "tool"]
    on_progress(f"building {recipe.name} with {go.program} (minutes, once)")
    done = run(argv, cwd=scratch, env=_environment(go.env), timeout=_LIMIT, on_line=_Counter(recipe, on_progress))
    if done.code:
        raise WsDeploymentError(
            "building the tools",
            on=recipe.name,
            why=_last_words(done),
            remedy="Mend what Go complains about; try again.",
        )
    for built, own in recipe.renames.items():
        (scratch / "bin" / built).replace(scratch / "bin" / own)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    # A GOFLAGS or a workspace of the user's would change what is built; GOGC trades memory for a fifth of the time.
    own = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=readonly -trimpath", "GOGC": "400", "GOWORK": "off"}
    return {**os.environ, "GOTOOLCHAIN": "local", **own, **extra}


class _Counter:
    """Turns Go's lines (a package each, once compiled) into a line of progress now and then."""

    def __init__(self, recipe: Recipe, on_progress: Callable[[str], None]) -> None:
        self._recipe, self._tell = recipe, on_progress
        self._compiled = self._downloads = 0

    def __call__(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self._downloads += 1
            if self._downloads % _STEP == 1:
                self._tell(f"{self._recipe.name}: downloading {line.split()[2]} (module {self._downloads})")
        elif _PACKAGE.match(line):
            self._compiled += 1
            if self._compiled % _STEP == 0:
                self._tell(f"{self._recipe.name}: {self._compiled} of up to {self._recipe.packages} packages compiled")


def _last_words(done: Completed) -> str:
    lines = [line for line in done.stderr.splitlines() if line and not _PACKAGE.match(line)]
    return "\n".join(lines[-5:]) or f"go ended with {done.code}"


def _waiting(recipe: Recipe) -> str:
    return f"{recipe.name}: another process is building it, waiting"

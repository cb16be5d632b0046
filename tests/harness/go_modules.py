"""Folders of pinned Go modules that hold what tests install: no other host than the module proxy is asked."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

import pytest

from ws_deployment.errors import MissingToolError
from ws_deployment.tools.golang import provide_go, wanted_by

_MODULES = Path(__file__).parents[1] / "modules"


@functools.cache
def module_folder(pin: str, module: str) -> Path:
    """Where `module` lies, of the version that `modules/PIN/go.mod` names. Fails the test without a Go to fetch it."""
    folder = _MODULES / pin
    try:
        go = provide_go(wanted_by(folder / "go.mod"), print)
    except MissingToolError as error:
        pytest.fail(f"{error}", pytrace=False)
    env = os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off"} | go.env
    for words in (["mod", "download", module], ["list", "-m", "-f", "{{.Dir}}", module]):
        done = subprocess.run(
            [go.program, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False
        )
        if done.returncode:
            pytest.fail(f"`go {' '.join(words)}` in {folder}: {done.stderr}", pytrace=False)
    return Path(done.stdout.strip())

"""The programs of the real tests, and folders that keep a test's lab apart from the user's and from other tests'."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ws_deployment.lab import daemon
from ws_deployment.lab.everything import remove_everything
from ws_deployment.lab.layout import lab_home
from ws_deployment.tools.catalogue import TOOLS
from ws_deployment.tools.find import Found
from ws_deployment.tools.folders import cache_home
from ws_deployment.tools.provide import find_all

#: What a user's shell may have set and a test must not depend on.
FOREIGN = ("KUBECONFIG", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "WS_DEPLOYMENT_CONFIG")

#: Go's programs (control planes, Helm, Terraform) collect garbage later: an eighth less work for twice the memory.
THRIFT = {"GOGC": "400"}


def private_folders(top: Path, tools: Path) -> dict[str, str]:
    """Variables that put the program's state and cache below `top`; the built tools of `tools` are seen there too."""
    (top / "cache" / "ws-deployment").mkdir(parents=True, exist_ok=True)
    link = top / "cache" / "ws-deployment" / "tools"
    if not link.is_symlink():
        link.symlink_to(tools, target_is_directory=True)
    return {
        "XDG_STATE_HOME": str(top / "state"),
        "XDG_CACHE_HOME": str(top / "cache"),
        "XDG_CONFIG_HOME": str(top / "config"),
        **THRIFT,
    }


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables, unset the foreign ones, and put everything back at the end."""
    before = dict(os.environ)
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def real_tools_folder() -> Path:
    """Where the user's own built tools are; asked before a test's folders stand in for the user's."""
    folder = cache_home() / "tools"
    folder.mkdir(exist_ok=True)
    return folder


def found_tools() -> dict[str, Found]:
    """All programs that real tests need. Fails the test where one is missing: real tests are never skipped."""
    found, missing = find_all(*TOOLS)
    if missing:
        pytest.fail(f"{', '.join(sorted(missing))} not found; `make tools` builds what is missing", pytrace=False)
    return found


def clear_lab() -> None:
    """Remove what is in the lab of the present state folder; fails if a process of it is still there afterwards."""
    home = lab_home()
    if not home.exists():
        return
    remove_everything()
    left = daemon.strays(home)
    if left:
        daemon.end(left, grace=0)
        pytest.fail(f"left behind: {', '.join(f'{each.name} ({each.pid})' for each in left)}", pytrace=False)

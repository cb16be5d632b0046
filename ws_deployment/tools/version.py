"""Asks a program for its version, once: the answer is remembered for as long as the file is the same."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ws_deployment.errors import WsDeploymentError
from ws_deployment.tools.catalogue import Version
from ws_deployment.tools.files import read_json, write_json
from ws_deployment.tools.folders import cache_home

#: Seconds after which a program that does not tell its version is taken for none of ours.
_PATIENCE = 20.0
_PATTERN = re.compile(r"(?<![\d.])v?(\d+\.\d+(?:\.\d+)?(?:[-+][0-9A-Za-z.+-]+)?)")


def version_of(program: Path, argv: tuple[str, ...]) -> str:
    """The version that `program argv` prints, as `1.36.3`; empty when it prints none.

    Answers are kept in the cache folder by path, size and time of change: asking a program costs about 100 ms.
    """
    memory = cache_home() / "tools" / "versions.json"
    stat = program.stat()
    key, mark = str(program), [stat.st_size, stat.st_mtime_ns, *argv]
    known = read_json(memory) or {}
    if isinstance(entry := known.get(key), dict) and entry.get("mark") == mark:
        return str(entry["version"])
    version = _ask(program, argv)
    memory.parent.mkdir(mode=0o700, exist_ok=True)
    # Two processes may lose each other's answer here: it is asked again, no more. What is gone is forgotten, or the
    # file, which every command reads, would grow with each folder that programs ever lay in.
    there = {path: told for path, told in (read_json(memory) or {}).items() if Path(path).exists()}
    write_json(memory, {**there, key: {"mark": mark, "version": version}})
    return version


def parse(version: str) -> Version:
    """The numbers of a version, as (1, 36, 3); what follows them (`-rc.1`, `+k3s`) does not count."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def _ask(program: Path, argv: tuple[str, ...]) -> str:
    from ws_deployment.tools.process import run  # noqa: PLC0415  not needed when the answer is known

    # Terraform asks its makers for news otherwise, and warns about a config file that is not there.
    env = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
    env["CHECKPOINT_DISABLE"] = "1"
    try:
        done = run([str(program), *argv], env=env, timeout=_PATIENCE)
    except (WsDeploymentError, OSError):
        return ""
    match = _PATTERN.search(done.stdout) or _PATTERN.search(done.stderr)
    return match[1] if match and done.code == 0 else ""

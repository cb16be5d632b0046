"""The program in a process of its own that need not load it: it is forked from one that has."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

#: What most commands load, most of a second of CPU together. None of it may start a thread when it is imported.
PRELOADED = (
    "harness.forked",
    "ws_deployment.cli.main",
    "ws_deployment.cli.run",
    "ws_deployment.cli.attended",
    "ws_deployment.engine.launch",
    "ws_deployment.output.choose",
    "ws_deployment_steps",
    "kubernetes.client",
    "kubernetes.dynamic",
)


def forked(arguments: Sequence[str], env: Mapping[str, str], cwd: Path | None, limit: float) -> tuple[int, str, str]:
    """Exit code, standard output and standard error. Raises TimeoutError after `limit` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        streams = Path(folder, "out"), Path(folder, "err")
        child = _server().Process(target=_carry_out, args=(arguments, dict(env), cwd or Path.cwd(), streams))
        child.start()
        child.join(limit)
        if child.is_alive():
            _kill(child)
            raise TimeoutError(" ".join(arguments))
        out, err = (each.read_text() for each in streams)
        return child.exitcode or 0, out, err


def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _kill(child: BaseProcess) -> None:
    child.kill()
    child.join()


def _carry_out(arguments: Sequence[str], env: Mapping[str, str], cwd: Path, streams: tuple[Path, Path]) -> None:
    """What a new interpreter would do with `-m ws_deployment.cli.main`."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = [each for each in env.get("PYTHONPATH", "").split(os.pathsep) if each and each not in sys.path]
    for descriptor, path in zip((1, 2), streams, strict=True):
        to = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(to, descriptor)
        os.close(to)
    sys.argv = ["ws-deployment", *arguments]
    from ws_deployment.cli.main import main  # noqa: PLC0415  loaded in the server

    try:
        main()
    finally:
        atexit._run_exitfuncs()

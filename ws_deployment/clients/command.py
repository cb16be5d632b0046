"""A team's own program: gets a JSON object on its standard input, answers one on its standard output.

What the objects mean is the caller's contract with the program.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.redaction import redact
from ws_deployment.tools import process

#: Exit code with which a program says that another attempt may succeed (EX_TEMPFAIL of sysexits.h).
TRY_AGAIN = 75
_TOLD = 2000


class CommandError(WsDeploymentError):
    """The program failed, or did not answer with one JSON object."""


class TransientCommandError(TransientError):
    """The program said that another attempt may succeed."""


def call(
    argv: Sequence[str],
    request: Mapping[str, Any],
    *,
    folder: Path,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    log: Path | None = None,
    cancelled: process.Cancelled | None = None,
) -> dict[str, Any]:
    """Run `argv` in `folder` with `request` on its standard input, and return the object that it answers.

    An empty answer is an empty object. `env` is put over this process's environment. What it writes to standard error
    goes to `log` (created 0600); its answer does not, since it may hold credentials. `timeout` is in seconds.

    Raises CommandError; TransientCommandError when it exits with 75; TransientError when out of time; CancelledError.
    """
    done = process.run(
        argv,
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdin=json.dumps(request),
        timeout=timeout,
        cancelled=cancelled,
    )
    if log:
        _keep(log, argv, done)
    if done.code:
        said = redact(done.stderr.strip()[-_TOLD:]) or "it said nothing"
        kind = TransientCommandError if done.code == TRY_AGAIN else CommandError
        raise kind("running", on=argv[0], why=f"exit code {done.code}: {said}")
    if not done.stdout.strip():
        return {}
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise _no_object(argv[0], f"its standard output is no JSON ({error})") from error
    if not isinstance(answer, dict):
        raise _no_object(argv[0], f"its answer is a {type(answer).__name__}, not an object")
    return answer


def _no_object(program: str, why: str) -> CommandError:
    remedy = "Let it print one JSON object on standard output, and everything else on standard error."
    return CommandError("reading the answer of", on=program, why=why, remedy=remedy)


def _keep(log: Path, argv: Sequence[str], done: process.Completed) -> None:
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
        file.write(redact(f"$ {' '.join(argv)}\n{done.stderr}"))
        file.write(f"exit code {done.code}\n")

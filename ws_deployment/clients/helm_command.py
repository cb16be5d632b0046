"""pyhelm3's command, run our way: no shell, cancellable, secrets out of argv, errors told apart by Helm's text.

Only helm.py uses it. pyhelm3 runs `sh -c helm …`: cancelling hits the shell and leaves Helm at work (56 s were seen).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyhelm3.command import Command

from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.redaction import redact
from ws_deployment.tools import process

#: Seconds that Helm gets, beyond its own time limit, to go back and to tell what went wrong.
_SLACK = 60.0


class HelmError(WsDeploymentError):
    """Helm failed in a way that the same attempt will fail again. `why` is Helm's own text."""


class TransientHelmError(TransientError):
    """Helm failed in a way that may pass: unreachable, over-loaded, or changed by somebody at the same moment."""


class ReleaseNotFoundError(HelmError):
    """There is no release of that name."""


class ChartNotFoundError(HelmError):
    """There is no such chart, or not in that version."""


class ReleasePendingError(HelmError):
    """An operation on the release is under way, or its Helm was killed and left it pending."""


class ReleaseNotReadyError(HelmError):
    """The release's workloads did not become ready in time."""


#: First match wins; each is tried on the lower-case text of standard error. The remedy is the last column.
_KINDS: tuple[tuple[str, type[WsDeploymentError], str], ...] = (
    (r"release:\ not\ found|release\ not\ loaded", ReleaseNotFoundError, ""),
    (
        r"another\ operation\ \(install/upgrade/rollback\)\ is\ in\ progress",
        ReleasePendingError,
        "Wait for it; if nothing is at work, the next attempt goes back to the last good revision by itself.",
    ),
    (
        r"cluster\ unreachable:.*no\ such\ file|context\ .*\ does\ not\ exist",
        HelmError,
        "Check kubeconfig and context.",
    ),
    (
        r"""etcdserver|connection\ (?:refused|reset)|no\ such\ host|i/o\ timeout|network\ is\ unreachable
        |tls\ handshake\ timeout|cluster\ unreachable|unexpected\ eof|too\ many\ requests|internal\ error\ occurred
        |server\ is\ currently\ unable|object\ has\ been\ modified|service\ unavailable|bad\ gateway
        |gateway\ timeout""",
        TransientHelmError,
        "",
    ),
    (
        r"""chart\ "[^"]+"\ (?:version\ "[^"]+"\ )?not\ found|chart\.yaml\ file\ is\ missing|path\ "[^"]+"\ not\ found
        |no\ chart\ version\ found|repo\ \S+\ not\ found|not\ a\ valid\ chart\ (?:repository|reference)
        |404\ not\ found""",
        ChartNotFoundError,
        "Check the chart's name, its version and its repository.",
    ),
    (
        r"invalid\ ownership\ metadata|cannot\ be\ imported\ into\ the\ current\ release",
        HelmError,
        "The object belongs to somebody else: remove it, or give the release another name.",
    ),
    (
        r"no\ matches\ for\ kind|ensure\ crds\ are\ installed\ first",
        HelmError,
        "The cluster does not serve that API: install its CRDs first, or take a chart version that fits.",
    ),
    (
        r"timed?\ ?out\ waiting|context\ deadline\ exceeded|not\ ready|resource\ .*\ failed",
        ReleaseNotReadyError,
        "See what the workloads wait for: kubectl get events -A --sort-by=.lastTimestamp",
    ),
    (r"execution\ error|failed\ to\ render|don't\ meet\ the\ specifications", HelmError, "Check the values."),
    (r"conflict", HelmError, "Somebody else manages these fields: kubectl get … --show-managed-fields tells who."),
)
_OF_TWO_WORDS = frozenset({"get", "show"})


class HelmCommand(Command):  # type: ignore[misc]  # pyhelm3 carries no types
    """Executes Helm for pyhelm3. `flags` are added to the sub-commands that they are given for (`{"upgrade": […]}`).

    Helm's standard output holds manifests and values, and so secrets: it goes back to the caller and into no log.
    """

    def __init__(
        self,
        executable: str,
        *,
        kubeconfig: Path | None,
        context: str | None,
        token: str | None,
        timeout: float,
        log: Path | None,
        cancelled: process.Cancelled | None,
        flags: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(executable=executable, kubeconfig=kubeconfig, kubecontext=context, default_timeout="5m")
        self._token, self._limit, self._log, self._cancelled, self._flags = token, timeout, log, cancelled, flags

    async def run(self, command: Sequence[object], input: bytes | None = None) -> bytes:  # noqa: A002  pyhelm3's name
        """Run one Helm command with `input` on its standard input. Blocks: nothing else shares its event loop.

        Raises HelmError, TransientHelmError, CancelledError, MissingToolError.
        """
        words = [str(word) for word in command]
        argv = [self._executable, *words, *self._flags.get(words[0], ())]
        if self._kubeconfig:
            argv += ["--kubeconfig", str(self._kubeconfig)]
        if self._kubecontext:
            argv += ["--kube-context", self._kubecontext]
        done = process.run(
            argv,
            env=os.environ | ({"HELM_KUBETOKEN": self._token} if self._token else {}),
            stdin=None if input is None else input.decode(),
            timeout=self._limit + _SLACK,
            cancelled=self._cancelled,
        )
        self._keep(argv, done)
        if done.code:
            raise failed(words, done.stderr or done.stdout)
        return done.stdout.encode()

    def _keep(self, argv: Sequence[str], done: process.Completed) -> None:
        if self._log is None:
            return
        with os.fdopen(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as log:
            log.write(redact(f"$ {shlex.join(argv)}\n{done.stderr}"))
            if done.code:
                log.write(f"exit code {done.code}\n")


def failed(words: Sequence[str], text: str) -> WsDeploymentError:
    """The error that Helm's `text` (its standard error) stands for, after running the sub-command `words`."""
    why = redact(" ".join(re.sub(r"(?m)^(Error: |level=\S+ msg=)", "", text).split())) or "it failed without a word"
    named = 2 if words[0] in _OF_TWO_WORDS else 1
    attempted, on = f"helm {' '.join(words[:named])}", "".join(words[named : named + 1])
    for pattern, kind, remedy in _KINDS:
        if re.search(pattern, why, re.IGNORECASE | re.VERBOSE):
            return kind(attempted, on=on, why=why, remedy=remedy)
    return HelmError(attempted, on=on, why=why)

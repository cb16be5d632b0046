"""Runs git: unattended, credentials out of its command line and its words, what may pass told from what may not."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from ws_deployment.errors import TransientError, UsageError, WsDeploymentError
from ws_deployment.redaction import redact, register
from ws_deployment.tools import process

_TRANSIENT = re.compile(
    r"could not resolve host|timed? ?out|connection (refused|reset)|early eof|rpc failed|hung up"
    r"|returned error: (429|5\d\d)|temporary failure",
    re.IGNORECASE,
)
#: What git says where the server wants to know who asks, or did not take what a URL had.
_LOGIN = re.compile(r"could not read (username|password)|authentication failed", re.IGNORECASE)
_LOGIN_REMEDY = (
    "The server takes none of the user and password that git has, or git has none: put the right ones into git's "
    "credential helper, or into the URL."
)
_COMMANDS = {
    "init",
    "fetch",
    "rev-parse",
    "checkout",
    "add",
    "commit",
    "push",
    "diff",
    "ls-remote",
    "write-tree",
    "var",
}
#: Seconds that one call may take.
TIMEOUT = 600.0


class GitError(WsDeploymentError):
    """git failed in a way that the same attempt will fail again."""


class TransientGitError(TransientError):
    """git failed in a way that may pass: the network, or the server."""


@dataclass(frozen=True)
class GitCommand:
    """git upon one bare repository. `env` is what it gets beside the environment of this process."""

    repository: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    program: str = "git"
    log: Path | None = None
    cancelled: process.Cancelled | None = None

    def run(self, *words: str, on: str = "", env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
        """What git says to `words`, as `completed` runs them."""
        return self.completed(*words, on=on, env=env, stdin=stdin).stdout

    def completed(
        self,
        *words: str,
        on: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        remedy: str = "Check the URL, the ref, and that this machine may read the repository.",
    ) -> process.Completed:
        """How `git words` ended. `on` is what an error says that it was about, `remedy` what to do about it.

        Raises GitError, TransientGitError, CancelledError, MissingToolError.
        """
        done = process.run(
            [self.program, "--git-dir", str(self.repository), *words],
            env={**os.environ, **_unattended(), **self.env, **(env or {})},
            stdin=stdin,
            timeout=TIMEOUT,
            log=self.log,
            cancelled=self.cancelled,
        )
        if done.code:
            why = without_credentials(" ".join(done.stderr.split())) or f"exit code {done.code}"
            kind = TransientGitError if _TRANSIENT.search(why) else GitError
            # Before git's own command stand its options, some of which have values.
            command = next((word for word in words if word in _COMMANDS), words[0])
            raise kind(f"git {command}", on=on, why=why, remedy=_LOGIN_REMEDY if _LOGIN.search(why) else remedy)
        return done


def without_credentials(text: str) -> str:
    """`text` with the user and password of every URL in it masked."""
    return redact(re.sub(r"(?<=://)[^/@\s]+@", "***@", text))


def public_url(url: str) -> tuple[str, dict[str, str]]:
    """`url` without its credentials, and the environment that hands them to git instead.

    Raises UsageError for what is no URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        remedy = "As https://git.example.com/acme/clusters.git."
        raise UsageError("reading the URL of a repository", why=str(error), remedy=remedy) from error
    if parts.scheme not in {"http", "https"} or parts.username is None:
        return url, {}
    register(parts.password or parts.username)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    public = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    header = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"
    # Beside the settings that the user's own environment has.
    given = os.environ.get("GIT_CONFIG_COUNT", "")
    count = int(given) if given.isdigit() else 0
    return public, {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/.extraHeader",
        f"GIT_CONFIG_VALUE_{count}": header,
    }


def refuse_options(*texts: str) -> None:
    """Raise UsageError for a URL, ref or branch that git would take for an option."""
    for text in texts:
        if text.startswith("-"):
            raise UsageError("calling git", on=text, why="it begins with a dash", remedy="Name a URL and a ref.")


def _unattended() -> dict[str, str]:
    """Never ask for a password, and speak only protocols that fetch (git's `ext::` runs any command)."""
    ssh = os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
        "GIT_SSH_COMMAND": ssh,
        "LC_ALL": "C",
    }

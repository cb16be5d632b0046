"""Fetches a git repository at a ref or commit into a cache: what a module's `source` and `--source-ref` name.

A commit is fetched once and then never again. Credentials inside a URL never reach a command line or a log.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from ws_deployment.errors import TransientError, UsageError, WsDeploymentError
from ws_deployment.redaction import redact, register
from ws_deployment.tools import process
from ws_deployment.tools.lock import locked

_COMMIT = re.compile(r"[0-9a-f]{40}")
#: `git::URL//folder?ref=REF`, Terraform's way of naming a module in a repository.
_SOURCE = re.compile(r"git::(?P<url>(?:[a-z+]+://)?.+?)(?://(?P<folder>[^?]*))?(?:\?(?P<query>.*))?")
_TRANSIENT = re.compile(
    r"could not resolve host|timed? ?out|connection (refused|reset)|early eof|rpc failed|hung up"
    r"|returned error: (429|5\d\d)|temporary failure",
    re.IGNORECASE,
)
_TIMEOUT = 600.0


class GitError(WsDeploymentError):
    """git failed in a way that the same attempt will fail again."""


class TransientGitError(TransientError):
    """git failed in a way that may pass: the network, or the server."""


@dataclass(frozen=True)
class GitSource:
    """A folder of a git repository at a ref (a branch, a tag, a commit; empty: the remote's default branch)."""

    url: str = field(repr=False)
    folder: str = ""
    ref: str = ""


@dataclass(frozen=True)
class Checkout:
    """A repository's files at one commit. The folder belongs to the cache: read it, don't change it."""

    folder: Path
    commit: str


def parse_source(text: str) -> GitSource | None:
    """What `git::URL//folder?ref=REF` names; None for a text that is no git source.

    The form: https://developer.hashicorp.com/terraform/language/modules/sources#generic-git-repository
    Raises UsageError if it is malformed.
    """
    if not text.startswith("git::"):
        return None
    match = _SOURCE.fullmatch(text)
    options = dict(pair.partition("=")[::2] for pair in (match["query"] or "").split("&") if pair) if match else {}
    folder = (match["folder"] or "") if match else ""
    if not match or options.keys() - {"ref"} or ".." in Path(folder).parts:
        raise UsageError(
            "reading the source",
            on=without_credentials(text),
            why="it is not of the form git::URL//folder?ref=REF",
            remedy="For example git::https://github.com/acme/operations.git//terraform/gke?ref=v1.2.3",
        )
    return GitSource(match["url"], folder.strip("/"), options.get("ref", ""))


def fetch(
    source: GitSource,
    cache: Path,
    *,
    program: str = "git",
    log: Path | None = None,
    cancelled: process.Cancelled | None = None,
) -> Checkout:
    """The files of `source` below the folder `cache`; fetched unless that commit is there already.

    Safe for several processes at once. Raises GitError, TransientGitError, UsageError, CancelledError.
    """
    url, env = _public_url(source.url)
    _refuse_options(url, source.ref)
    home = cache / hashlib.sha256(url.encode()).hexdigest()[:16]
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    git = _Git(program, home / "repository.git", env, log, cancelled)
    with locked(home / ".lock", timeout=2 * _TIMEOUT, cancelled=cancelled):
        if _COMMIT.fullmatch(source.ref) and (home / source.ref).is_dir():
            commit = source.ref
        else:
            commit = git.fetch(url, source.ref or "HEAD")
            git.check_out(commit, home / commit)
    folder = home / commit / source.folder
    if not folder.is_dir():
        raise GitError(
            "looking for the folder",
            on=source.folder,
            why=f"{url} has none at {source.ref or 'its default branch'} ({commit[:12]})",
            remedy="Check what follows the // in the source.",
        )
    return Checkout(folder, commit)


def without_credentials(text: str) -> str:
    """`text` with the user and password of every URL in it masked."""
    return redact(re.sub(r"(?<=://)[^/@\s]+@", "***@", text))


@dataclass(frozen=True)
class _Git:
    program: str
    repository: Path
    env: Mapping[str, str] = field(repr=False)
    log: Path | None
    cancelled: process.Cancelled | None

    def fetch(self, url: str, ref: str) -> str:
        """Bring `ref` into the repository, and tell its commit."""
        if not self.repository.exists():
            self._run("init", "--quiet", "--bare", "--template=", str(self.repository))
        try:
            self._run("fetch", "--quiet", "--no-tags", "--depth=1", "--force", "--", url, ref)
        except GitError:
            if not _COMMIT.fullmatch(ref):
                raise
            # Not every server hands out single commits: then all that its refs reach is fetched.
            self._run("fetch", "--quiet", "--force", "--", url, "+refs/*:refs/remotes/origin/*")
            return self._run("rev-parse", "--verify", f"{ref}^{{commit}}").strip()
        return self._run("rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()

    def check_out(self, commit: str, folder: Path) -> None:
        """Write the files of `commit` into `folder`, which appears whole or not at all."""
        if folder.is_dir():
            return
        partial = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            files = partial / "files"
            files.mkdir()
            index = {"GIT_INDEX_FILE": str(partial / "index")}
            self._run("--work-tree", str(files), "checkout", "--quiet", "--force", commit, "--", ".", env=index)
            files.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _run(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        done = process.run(
            [self.program, "--git-dir", str(self.repository), *words],
            env={**os.environ, **_unattended(), **self.env, **(env or {})},
            timeout=_TIMEOUT,
            log=self.log,
            cancelled=self.cancelled,
        )
        if done.code:
            why = without_credentials(" ".join(done.stderr.split())) or f"exit code {done.code}"
            kind = TransientGitError if _TRANSIENT.search(why) else GitError
            command = next(word for word in words if word in {"init", "fetch", "rev-parse", "checkout"})
            remedy = "Check the URL, the ref, and that this machine may read the repository."
            raise kind(f"git {command}", on=words[-2] if command == "fetch" else "", why=why, remedy=remedy)
        return done.stdout


def _public_url(url: str) -> tuple[str, dict[str, str]]:
    """`url` without its credentials, and the environment that hands them to git instead."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or parts.username is None:
        return url, {}
    register(parts.password or parts.username)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    public = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    header = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"
    return public, {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/.extraHeader",
        "GIT_CONFIG_VALUE_0": header,
    }


def _refuse_options(url: str, ref: str) -> None:
    for text in (url, ref):
        if text.startswith("-"):
            raise UsageError("fetching", on=text, why="it begins with a dash", remedy="Name a URL and a ref.")


def _unattended() -> dict[str, str]:
    """Never ask for a password, and speak only protocols that fetch (git's `ext::` runs any command)."""
    ssh = os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
        "GIT_SSH_COMMAND": ssh,
        "LC_ALL": "C",
    }

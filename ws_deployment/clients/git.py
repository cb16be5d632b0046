"""Fetches a git repository at a ref or commit into a cache: what a module's `source` and `--source-ref` name.

A commit is fetched once and then never again. Credentials inside a URL never reach a command line or a log.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ws_deployment.clients.git_command import (
    TIMEOUT,
    GitCommand,
    GitError,
    public_url,
    refuse_options,
    without_credentials,
)
from ws_deployment.errors import UsageError
from ws_deployment.tools import process
from ws_deployment.tools.lock import locked

_COMMIT = re.compile(r"[0-9a-f]{40}")
#: `git::URL//folder?ref=REF`, Terraform's way of naming a module in a repository.
_SOURCE = re.compile(r"git::(?P<url>(?:[a-z+]+://)?.+?)(?://(?P<folder>[^?]*))?(?:\?(?P<query>.*))?")


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
    url, env = public_url(source.url)
    refuse_options(url, source.ref)
    home = cache / hashlib.sha256(url.encode()).hexdigest()[:16]
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    git = _Cache(GitCommand(home / "repository.git", env, program, log, cancelled))
    with locked(home / ".lock", timeout=2 * TIMEOUT, cancelled=cancelled):
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


@dataclass(frozen=True)
class _Cache:
    git: GitCommand

    def fetch(self, url: str, ref: str) -> str:
        """Bring `ref` into the repository, and tell its commit."""
        if not self.git.repository.exists():
            self.git.run("init", "--quiet", "--bare", "--template=", str(self.git.repository))
        try:
            self.git.run("fetch", "--quiet", "--no-tags", "--depth=1", "--force", "--", url, ref, on=url)
        except GitError:
            if not _COMMIT.fullmatch(ref):
                raise
            # Not every server hands out single commits: then all that its refs reach is fetched.
            self.git.run("fetch", "--quiet", "--force", "--", url, "+refs/*:refs/remotes/origin/*", on=url)
            return self.git.run("rev-parse", "--verify", f"{ref}^{{commit}}").strip()
        return self.git.run("rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()

    def check_out(self, commit: str, folder: Path) -> None:
        """Write the files of `commit` into `folder`, which appears whole or not at all."""
        if folder.is_dir():
            return
        partial = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            files = partial / "files"
            files.mkdir()
            index = {"GIT_INDEX_FILE": str(partial / "index")}
            self.git.run("--work-tree", str(files), "checkout", "--quiet", "--force", commit, "--", ".", env=index)
            files.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

"""Commits changed files to a new branch of a git repository and pushes it. Never by force, never over another's work.

What is checked out is what the repository holds, byte for byte: line ends are not converted, filters not run, links
not followed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ws_deployment.clients.git_command import GitCommand, GitError, public_url, refuse_options
from ws_deployment.errors import UsageError
from ws_deployment.tools import process

_RAW = "* -text -eol -filter -ident -working-tree-encoding\n"
#: Neither the user's hooks nor their wishes for line ends have a say.
_SETTINGS = ("core.hooksPath=/dev/null", "core.symlinks=false", "core.autocrlf=false", "core.quotePath=false")
_REMOTE_SAYS = re.compile(r"^remote: ?(.*\S)", re.MULTILINE)
_SELF = "ws-deployment"


@dataclass(frozen=True)
class WorkTree:
    """The files of one commit of a repository, in a folder of their own: change them, stage them, commit and push."""

    files: Path
    url: str
    _git: GitCommand

    @classmethod
    def of(cls, url: str, folder: Path, *, cancelled: process.Cancelled | None = None) -> WorkTree:
        """A work tree of the repository at `url`, made in the empty `folder`; `fetch` and `check_out` fill it.

        Raises UsageError for a URL that git would take for an option, GitError.
        """
        public, env = public_url(url)
        refuse_options(public)
        files, repository = folder / "files", folder / "repository.git"
        files.mkdir()
        git = GitCommand(repository, {**env, "GIT_INDEX_FILE": str(folder / "index")}, cancelled=cancelled)
        git.run("init", "--quiet", "--bare", "--template=", str(repository))
        (repository / "info").mkdir(exist_ok=True)
        (repository / "info" / "attributes").write_text(_RAW, encoding="ascii")
        for setting in _SETTINGS:
            git.run("config", *setting.split("=", 1))
        return cls(files, public, git)

    def tip(self, branch: str) -> str:
        """The commit that `branch` of the remote is at; empty where there is no such branch. Raises UsageError."""
        try:
            self._git.run("check-ref-format", f"refs/heads/{branch}")
            refuse_options(branch)
        except GitError as error:
            remedy = "Name a branch like upgrade/alpha-25.1.0."
            raise UsageError("naming the branch", on=branch, why="it is no name of a branch", remedy=remedy) from error
        found = self._git.run("ls-remote", "--", self.url, f"refs/heads/{branch}", on=self.url)
        return found.partition("\t")[0].strip()

    def fetch(self, ref: str, *, depth: int = 1) -> str:
        """Bring `ref` (a branch, tag or commit; empty: the remote's default branch) with `depth` commits; the last."""
        refuse_options(ref)
        words = ("fetch", "--quiet", "--no-tags", f"--depth={depth}", "--", self.url, ref or "HEAD")
        self._git.run(*words, on=f"{ref or 'HEAD'} of {self.url}")
        return self._git.run("rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()

    def check_out(self, commit: str) -> None:
        """Have `files` be those of `commit`, and commit upon it."""
        self._at_files("checkout", "--quiet", "--force", "--detach", commit, on=commit)

    def parents(self, commit: str) -> list[str]:
        """The parents of a commit that has been fetched."""
        return self._git.run("rev-parse", f"{commit}^@").split()

    def tree(self, commit: str) -> str:
        """The id of a commit's tree."""
        return self._git.run("rev-parse", "--verify", f"{commit}^{{tree}}").strip()

    def stage(self, paths: Sequence[PurePosixPath]) -> str:
        """Stage changed and removed files; the id of the tree that would be committed."""
        listed = "\0".join(f":(literal){path}" for path in paths)
        self._at_files("add", "--all", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=listed)
        return self._git.run("write-tree").strip()

    def diff(self) -> str:
        """What is staged, as a unified diff without colours."""
        return self._at_files("diff", "--cached", "--no-color", "--no-ext-diff", "HEAD")

    def stat(self) -> str:
        """What is staged, as a line a file with the number of its changed lines, and their sum."""
        return self._at_files("diff", "--cached", "--no-color", "--no-ext-diff", "--stat=100", "HEAD").rstrip()

    def commit(self, message: str) -> str:
        """Commit what is staged, under the name that git is set up with; else under this program's. The commit."""
        words = ("commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--file=-")
        self._git.completed(
            *("--work-tree", str(self.files), *words),
            env=self._identity(),
            stdin=message,
            remedy="Where it is the signature: see user.signingKey and gpg.* of git's settings. Nobody is asked for "
            "the key's passphrase; an agent has to have it.",
        )
        return self._git.run("rev-parse", "--verify", "HEAD^{commit}").strip()

    def push(self, commit: str, branch: str) -> list[str]:
        """Push `commit` as a new branch; what the server says to it. One that is elsewhere by now is left alone.

        Raises GitError, TransientGitError.
        """
        done = self._git.completed(
            "push",
            "--porcelain",
            "--",
            self.url,
            f"{commit}:refs/heads/{branch}",
            on=f"{branch} to {self.url}",
            remedy="Check that this machine may push there, and that nobody else has made that branch.",
        )
        return _REMOTE_SAYS.findall(done.stderr)

    def _at_files(self, *words: str, on: str = "", stdin: str | None = None) -> str:
        return self._git.run("--work-tree", str(self.files), *words, on=on, stdin=stdin)

    def _identity(self) -> dict[str, str]:
        """Who commits, where git knows nobody."""
        env: dict[str, str] = {}
        for role in ("AUTHOR", "COMMITTER"):
            try:
                self._git.run("-c", "user.useConfigOnly=true", "var", f"GIT_{role}_IDENT")
            except GitError:
                env |= {f"GIT_{role}_NAME": _SELF, f"GIT_{role}_EMAIL": f"{_SELF}@localhost"}
        return env

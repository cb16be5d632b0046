"""Real git against real repositories, over files and over HTTP with a password."""

from __future__ import annotations

import base64
import subprocess
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from harness.http_server import serving

from ws_deployment.clients.git import GitError, GitSource, fetch, parse_source, without_credentials
from ws_deployment.errors import UsageError

PASSWORD = "hunter2-git"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    (folder / "terraform" / "gke").mkdir(parents=True)
    git(folder, "init", "--quiet")
    for version in ("one", "two"):
        (folder / "terraform" / "gke" / "main.tf").write_text(f"# {version}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", version)
        git(folder, "tag", version)
    return folder


def test_branches_tags_and_commits_come_to_the_files_of_their_commit(origin: Path, tmp_path: Path) -> None:
    first = git(origin, "rev-parse", "one")
    for ref, text in {"": "two", "main": "two", "one": "one", first: "one"}.items():
        checkout = fetch(GitSource(str(origin), "terraform/gke", ref), tmp_path / "cache")
        assert (checkout.folder / "main.tf").read_text() == f"# {text}\n", ref
    assert checkout.commit == first


def test_a_branch_is_followed_and_a_commit_needs_no_network(origin: Path, tmp_path: Path) -> None:
    before = fetch(GitSource(str(origin), ref="main"), tmp_path / "cache")
    (origin / "new").touch()
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "three")
    after = fetch(GitSource(str(origin), ref="main"), tmp_path / "cache")
    assert after.commit != before.commit
    origin.rename(tmp_path / "gone")
    assert fetch(GitSource(str(origin), ref=before.commit), tmp_path / "cache") == before


def test_many_at_once_get_the_same(origin: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        sources = [GitSource(str(origin), ref=ref) for ref in ("one", "two", "main") * 2]
        checkouts = list(pool.map(lambda source: fetch(source, tmp_path / "cache"), sources))
    assert len({checkout.commit for checkout in checkouts}) == 2
    assert all((checkout.folder / "terraform/gke/main.tf").exists() for checkout in checkouts)


@pytest.fixture
def guarded(origin: Path, tmp_path: Path) -> Any:
    """The origin served over HTTP to who knows the password; what was asked for is kept."""
    bare = tmp_path / "served" / "operations.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), str(bare))
    git(bare, "update-server-info")
    wanted = "Basic " + base64.b64encode(f"robot:{PASSWORD}".encode()).decode()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(bare.parent))

        def do_GET(self) -> None:
            if self.headers.get("Authorization") == wanted:
                super().do_GET()
            else:
                self.send_error(401)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"127.0.0.1:{server.server_port}/operations.git"


def test_a_password_works_and_stays_out_of_log_cache_and_error(guarded: str, origin: Path, tmp_path: Path) -> None:
    log = tmp_path / "git.log"
    url = f"http://robot:{PASSWORD}@{guarded}"
    # A dumb HTTP server knows no shallow fetch; a commit is fetched with all that reaches it.
    commit = git(origin, "rev-parse", "one")
    assert fetch(GitSource(url, "terraform/gke", commit), tmp_path / "cache", log=log).commit == commit
    with pytest.raises(GitError) as caught:
        fetch(GitSource(url, ref="nowhere"), tmp_path / "cache", log=log)
    assert PASSWORD not in str(caught.value)
    for path in [log, *(tmp_path / "cache").rglob("*")]:
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_what_is_not_there_is_told(origin: Path, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="nowhere"):
        fetch(GitSource(str(origin), ref="nowhere"), tmp_path / "cache")
    with pytest.raises(GitError, match="follows the //"):
        fetch(GitSource(str(origin), "terraform/eks"), tmp_path / "cache")


@pytest.mark.parametrize(
    "source", [GitSource("--upload-pack=touch x"), GitSource("ext::sh -c x"), GitSource(".", ref="-x")]
)
def test_a_source_can_not_smuggle_a_command_in(source: GitSource, tmp_path: Path) -> None:
    with pytest.raises((UsageError, GitError)):
        fetch(source, tmp_path / "cache")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("./modules/gke", None),
        (
            "git::https://github.com/acme/ops.git//terraform/gke?ref=v1",
            GitSource("https://github.com/acme/ops.git", "terraform/gke", "v1"),
        ),
        ("git::https://github.com/acme/ops.git", GitSource("https://github.com/acme/ops.git")),
        ("git::ssh://git@github.com/acme/ops.git?ref=main", GitSource("ssh://git@github.com/acme/ops.git", "", "main")),
        ("git::git@github.com:acme/ops.git//gke", GitSource("git@github.com:acme/ops.git", "gke")),
        ("git::/srv/ops.git//gke?ref=a", GitSource("/srv/ops.git", "gke", "a")),
    ],
)
def test_sources_are_read_as_terraform_reads_them(text: str, expected: GitSource | None) -> None:
    assert parse_source(text) == expected


@pytest.mark.parametrize("text", ["git::https://x/y.git//../z", "git::https://x/y.git?depth=1", "git::"])
def test_malformed_sources_are_the_configs_fault(text: str) -> None:
    with pytest.raises(UsageError, match="git::URL//folder"):
        parse_source(text)


def test_credentials_of_any_url_in_a_text_are_masked() -> None:
    assert without_credentials("at https://me:pw@host/x and ssh://git@h") == "at https://***@host/x and ssh://***@h"

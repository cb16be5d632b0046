"""Known secrets are planted wherever one can enter; none may come out anywhere."""

from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from harness.configs import PIPELINE, write_config
from harness.http_server import serving
from harness.program import program

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.cluster import list_clusters
from ws_deployment.tools.folders import cache_home, state_path

pytestmark = pytest.mark.real

#: Where secrets are by nature, private to the user: named in docs/security.md.
EXEMPT = ("terraform.tfstate", ".tfplan", "kubeconfig", "/pki/", "/etcd/", "/ws-manager/", "/meta/")


@contextmanager
def watched_processes() -> Iterator[set[str]]:
    """All command lines that any process has in the meantime."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            for process in psutil.process_iter(["cmdline"]):
                seen.add(" ".join(process.info["cmdline"] or []))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


@contextmanager
def webhook(secret: str) -> Iterator[tuple[str, list[bytes]]]:
    """A server whose URL is a secret, and what was sent to it."""
    sent: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}/{secret}", sent


def forms(secret: str) -> set[bytes]:
    return {secret.encode(), base64.b64encode(secret.encode())}


def test_no_secret_comes_out_anywhere(tmp_path: Path) -> None:
    secrets = {name: f"s3cr3t-{name}-0123456789" for name in ("chart", "command", "hook", "file", "terraform")}
    (tmp_path / "token").write_text(secrets["file"] + "\n")
    module = tmp_path / "module"
    module.mkdir()
    for path in (Path(__file__).parents[2] / "terraform" / "local").glob("*.tf"):
        (module / path.name).write_text(path.read_text())
    (module / "secret.tf").write_text(
        'variable "planted" {\n  type = string\n  sensitive = true\n}\n'
        'resource "terraform_data" "planted" {\n  input = var.planted\n}\n'
    )
    blabber = "import os, sys; print(os.environ['PLANTED']); print(os.environ['FROM_FILE'], file=sys.stderr)"
    with webhook(secrets["hook"]) as (url, sent):
        config = write_config(
            tmp_path,
            pipeline=[
                *PIPELINE[:3],
                {
                    "step": "install-monitoring",
                    "with": {
                        "values": {"remoteWrite": {"url": "http://127.0.0.1:1/", "username": "me"}},
                        "secretValues": {"remoteWrite.password": {"variable": "CHART_SECRET"}},
                    },
                },
                {
                    "step": "alive-test",
                    "with": {
                        "command": [sys.executable, "-c", blabber],
                        "secretEnvironment": {
                            "PLANTED": {"variable": "COMMAND_SECRET"},
                            "FROM_FILE": {"file": "token"},
                        },
                    },
                },
                *PIPELINE[5:],
            ],
            terraform={"source": "module", "secretVariables": {"planted": {"variable": "TERRAFORM_SECRET"}}},
            notifications=[{"url": {"variable": "HOOK_URL"}}],
        )
        planted = {
            "CHART_SECRET": secrets["chart"],
            "COMMAND_SECRET": secrets["command"],
            "TERRAFORM_SECRET": secrets["terraform"],
            "HOOK_URL": url,
        }
        with watched_processes() as command_lines:
            plan = tmp_path / "kept" / "plan.json"
            plan.parent.mkdir()
            planned = program("plan", "-c", config, "--out", plan, "--full", env=planted, fresh=True)
            ended = program("apply", plan, "--json", env=planted, fresh=True)
    assert planned.code == 0, planned.err
    assert ended.code == 0, ended.err
    (cluster,) = list_clusters()
    data = Kube(cluster.kubeconfig).secret("ws-manager-mk2-client-tls", "default")
    assert data
    secrets["tls"] = data["tls.key"].decode().splitlines()[1]

    said = "\n".join([planned.out, planned.err, ended.out, ended.err, *command_lines]).encode() + b"".join(sent)
    written = {
        str(path): path.read_bytes()
        for folder in (state_path(), cache_home(), plan.parent)
        for path in folder.rglob("*")
        if path.is_file() and "/tools/" not in str(path) and not any(part in str(path) for part in EXEMPT)
    }
    assert any(path.endswith("state.db") for path in written)
    assert any(path.endswith("alive-test.log") for path in written)
    assert sum(path.endswith(("plan.json", "summary.json")) for path in written) >= 2
    for name, secret in secrets.items():
        for form in forms(secret):
            assert form not in said, name
            assert [path for path, content in written.items() if form in content] == [], name
    places = (state_path(), plan.parent)
    files = [path for folder in places for path in folder.rglob("*") if path.suffix in {".tfstate", ".tfplan"}]
    exempt = [path for path in files if path.is_file()]
    assert {path.suffix for path in exempt if plan.parent in path.parents} == {".tfplan"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in exempt)

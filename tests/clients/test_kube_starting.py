"""An API server that has just been started: it answers, and does not serve all kinds yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from harness.http_server import serving

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import KubeError, TransientKubeError


class Starting(BaseHTTPRequestHandler):
    ready = 500

    def do_GET(self) -> None:
        answers: dict[str, object] = {
            "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
            "/apis": {"kind": "APIGroupList", "groups": []},
        }
        path = self.path.partition("?")[0].rstrip("/")
        self.send_response(self.ready if path == "/readyz" else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"ok" if path == "/readyz" else json.dumps(answers[path]).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[Kube]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Starting", (Starting,), {}))
    named = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(named))
    with serving(server):
        yield Kube(tmp_path / "kubeconfig")


def test_what_a_starting_server_does_not_serve_is_asked_again(kube: Kube) -> None:
    with pytest.raises(TransientKubeError, match="500"):
        kube.get("example.com/v1", "Thing", "x")


@pytest.mark.parametrize("answer", [200, 403])
def test_what_a_ready_server_does_not_serve_is_not(kube: Kube, monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    monkeypatch.setattr(Starting, "ready", answer)
    with pytest.raises(KubeError, match="does not serve it"):
        kube.get("example.com/v1", "Thing", "x")

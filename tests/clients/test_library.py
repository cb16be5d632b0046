"""Libraries are loaded by several threads at once, by different ways to the same modules, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

THREADS = """
import sys, threading
from pathlib import Path
from ws_deployment.clients import gke, google_credentials
from ws_deployment.clients.kube import Kube

def ask(what):
    ready.wait()
    try:
        what()
    except Exception as error:
        if not type(error).__module__.startswith("ws_deployment"):
            print(repr(error))

def kubes():
    kube = Kube(Path(sys.argv[2]))
    return [lambda: kube.get("v1", "Pod", "x", "y"), kube.version]

def told():
    with gke._told("asking", "Google"):
        raise google_credentials.CredentialsError("asking", why="a test")

ways = {
    "kubernetes": lambda: [*kubes(), *kubes()],
    "google": lambda: [lambda: google_credentials.load(Path("/nowhere")), told] * 2,
}[sys.argv[1]]()
ready = threading.Barrier(len(ways))
threads = [threading.Thread(target=ask, args=(way,)) for way in ways]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("library", ["kubernetes", "google"])
def test_no_thread_sees_a_module_that_is_half_made(tmp_path: Path, library: str) -> None:
    named = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(named))
    argv = [sys.executable, "-c", THREADS, library, str(tmp_path / "kubeconfig")]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

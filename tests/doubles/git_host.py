"""A git host: git's own server program behind HTTP, which asks for a user and a password."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.http_server import serving

USER, PASSWORD = "robot", "hunter2-git"


@dataclass
class GitHost:
    """`address` is host and port; `may_push` is whether the user has that right; `asked` has each request's path."""

    address: str
    may_push: bool = True
    asked: list[str] = field(default_factory=list)

    def url(self, repository: str, login: str = "") -> str:
        """The URL of a repository, with a login (`user:password`) in it or without."""
        return f"http://{f'{login}@' if login else ''}{self.address}/{repository}"


@contextlib.contextmanager
def git_host(folder: Path) -> Iterator[GitHost]:
    """A host of the bare repositories below `folder`, while the context lasts."""
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append(self.path)
            if self.headers.get("Authorization") != wanted:
                self._refuse(401)
            elif "git-receive-pack" in self.path and not host.may_push:
                self._refuse(403)
            else:
                self._serve()

        def do_POST(self) -> None:
            self.do_GET()

        def _refuse(self, status: int) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _serve(self) -> None:
            """By CGI (RFC 3875), as `git help http-backend` describes it."""
            path, _, query = self.path.partition("?")
            length = self.headers.get("Content-Length") or "0"
            request = {
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": length,
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": USER,
                "REMOTE_ADDR": "127.0.0.1",
                "PATH": os.environ["PATH"],
            }
            body = self.rfile.read(int(length))
            answer = subprocess.run(["git", "http-backend"], env=request, input=body, capture_output=True, check=True)
            head, _, content = answer.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host = GitHost(f"127.0.0.1:{server.server_port}")
    with serving(server):
        yield host

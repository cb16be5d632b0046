"""Loads libraries whose modules import each other: one thread at a time.

Python locks a module while it is loaded. Where two threads would wait for each other, because they come to the same
modules by different ways, it hands one of them a module that is half made (importlib's `_DeadlockError`). Threads that
work on clusters at the same time do come to that, so whoever imports such a library when it is needed calls this first.
"""

from __future__ import annotations

import importlib
import threading

_loading = threading.Lock()


def load_kubernetes() -> None:
    """The client of Kubernetes and what it stands on: 0.3 s of CPU, paid by who talks to a cluster."""
    _load("kubernetes")


def load_google_auth() -> None:
    """Google's credentials: 0.1 s."""
    _load("google.auth", "google.auth.transport.requests")


def load_google_container() -> None:
    """The client of Google's clusters and its credentials: 0.3 s."""
    _load("grpc", "google.auth", "google.auth.transport.requests", "google.api_core.exceptions")
    _load("google.cloud.container_v1")


def _load(*names: str) -> None:
    with _loading:
        for name in names:
            importlib.import_module(name)

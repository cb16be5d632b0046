"""Every call that was made, one JSON line each: who tests a shift counts its effects here. No key material."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


class CallLog:
    """Appends to one file (0600), kept over restarts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, method: str, request: Message, result: str) -> None:
        """Note a call: `result` is OK or the refusal's text; time is in seconds since the epoch."""
        told = _without_keys(MessageToDict(request, preserving_proto_field_name=True))
        line = json.dumps({"time": round(time.time(), 6), "method": method, "request": told, "result": result})
        with self._lock:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, f"{line}\n".encode())
            finally:
                os.close(file)


def _without_keys(request: dict[str, Any]) -> dict[str, Any]:
    return {name: "given" if name == "tls" else value for name, value in request.items()}

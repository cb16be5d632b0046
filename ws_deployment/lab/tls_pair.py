"""Hands a certificate and its key, as text, to the ssl module, which reads files alone."""

from __future__ import annotations

import os
import ssl
import tempfile


def load_pair(context: ssl.SSLContext, crt: str, key: str) -> None:
    """Load the pair into `context`, through a file (0600) of that moment.

    Raises ssl.SSLError where it is no PEM, or where certificate and key are no pair ("key values mismatch").
    """
    number, path = tempfile.mkstemp()
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(f"{crt}\n{key}\n")
        context.load_cert_chain(path)
    finally:
        os.unlink(path)  # noqa: PTH108  a name, not a Path, is what mkstemp gives

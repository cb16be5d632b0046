"""Keeps known secrets out of whatever is written down: the last line of defence, not the first.

Whoever resolves a secret registers it here; whoever writes text for people, files or the journal passes it through.
"""

from __future__ import annotations

import base64
import threading

#: Shorter secrets are not replaced in free text: they would tear holes into ordinary words.
SHORTEST = 4
MASK = "***"

_lock = threading.Lock()
_known: frozenset[str] = frozenset()
_longest_first: tuple[str, ...] = ()


def register(secret: str) -> None:
    """Mask `secret`, each of its lines, and its base64 form from now on, in this process."""
    global _known, _longest_first  # noqa: PLW0603  one registry a process: secrets leak by any path, not by any object
    forms = {secret.strip(), *(line.strip() for line in secret.splitlines())}
    forms |= {base64.b64encode(form.encode()).decode() for form in (secret, secret.strip())}
    with _lock:
        _known = _known | {form for form in forms if len(form) >= SHORTEST}
        _longest_first = tuple(sorted(_known, key=len, reverse=True))


def redact(text: str) -> str:
    """`text` with every registered secret replaced by `***`."""
    for secret in _longest_first:
        if secret in text:
            text = text.replace(secret, MASK)
    return text

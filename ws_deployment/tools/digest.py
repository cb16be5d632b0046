"""What a file or folder holds, as one number: equal content, equal digest, wherever it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: What programs leave in a folder beside its content.
LEFTOVERS = frozenset({".git", ".terraform", "__pycache__"})


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file's content, or of all names and contents below a folder.

    Leaves out what git and Terraform keep there. Raises OSError.
    """
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        if file.is_file() and LEFTOVERS.isdisjoint(name.parts) and ".tfstate" not in file.name:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            whole.update(f"{name.as_posix()}\0{content}\n".encode())
    return whole.hexdigest()

"""Whether a chart may make values at random when it is rendered: certificates, passwords, ids, times."""

from __future__ import annotations

import re
from pathlib import Path

#: Functions of Helm's templates that give another value each time.
#: https://helm.sh/docs/chart_template_guide/function_list/
_FUNCTIONS = re.compile(rb"\b(?:rand[A-Z]\w*|gen[A-Z]\w*|uuidv4|now|htpasswd|bcrypt|encryptAES|derivePassword)\b")


def may_be_random(chart: str) -> bool:
    """Whether the chart at that place calls such a function; what can't be read here may."""
    folder = Path(chart)
    if not folder.is_dir():
        return True
    files = [path for path in folder.rglob("*") if path.is_file()]
    return any(path.suffix == ".tgz" or _FUNCTIONS.search(path.read_bytes()) for path in files if _rendered(path))


def _rendered(path: Path) -> bool:
    return path.suffix == ".tgz" or "templates" in path.parts

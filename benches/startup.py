"""`--help` and `validate` beside the smallest typer app's `--help`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rows import Row, interleaved

SMALLEST = """
import typer
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
@app.command()
def hello(name: str = "x") -> None:
    "Say hello."
app()
"""
HEAD = """version: v1
environment: staging
project: bench
metaClusters:
- name: meta-eu
  region: europe-west1
workspaceClusters:
"""
CLUSTER = """- prefix: {prefix}
  region: europe-west1
  governedBy: meta-eu
  labels:
    team: platform
"""


def config_of(folder: Path, clusters: int) -> Path:
    letters = "abcdefghijklmnopqrstuvwxyz"
    prefixes = [a + b for a in letters for b in letters][:clusters]
    path = folder / f"{clusters}.yaml"
    path.write_text(HEAD + "".join(CLUSTER.format(prefix=prefix) for prefix in prefixes))
    return path


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        smallest = Path(folder) / "smallest.py"
        smallest.write_text(SMALLEST)
        program = str(Path(sys.executable).with_name("ws-deployment"))
        config = config_of(Path(folder), 100)
        taken = interleaved(
            {
                "smallest": [sys.executable, str(smallest), "--help"],
                "help": [program, "--help"],
                "validate": [program, "validate", "-c", str(config)],
            },
            times=25,
        )
    peer = ("smallest typer app's --help", 1000 * taken["smallest"], "ms")
    return [
        Row("--help", 1000 * taken["help"], *peer, limit=1.25),
        Row("validate, 100 clusters", 1000 * taken["validate"], *peer, limit=4.0),
    ]

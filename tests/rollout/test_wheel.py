"""The wheel, installed into an empty environment outside the checkout, rolls out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.configs import write_config

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of an environment that holds the wheel and what it depends on, nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True, timeout=60)
    pip = [str(folder / "env" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pinned = ["--constraint", str(constraints(folder))]
    # The environment of the tests points into the checkout; the new one must not.
    clean = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    # Nor shall it download what this user's pip has: the folders of a test hide that.
    clean["PIP_CACHE_DIR"] = str(Path.home() / ".cache" / "pip")
    subprocess.run([*pip, *pinned, "--no-compile", str(wheel)], check=True, timeout=280, env=clean)
    return folder / "env" / "bin" / "ws-deployment"


def constraints(folder: Path) -> Path:
    """The lock's versions without its hashes, which pip wants for all or for none."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    kept = [line.removesuffix(" \\") for line in lines if line and not line.startswith((" ", "#"))]
    path = folder / "constraints.txt"
    path.write_text("\n".join(kept) + "\n")
    return path


@pytest.mark.timeout(600)
def test_it_rolls_out_outside_the_checkout(program: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ended = subprocess.run(
        [str(program), "run", "-c", str(config)],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "7 done" in ended.stdout
    assert str(ROOT) not in ended.stdout + ended.stderr

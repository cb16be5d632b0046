"""Folders, files and locks: private, whole, and one holder at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ws_deployment.errors import MissingToolError, TransientError
from ws_deployment.tools.bundled import bundled
from ws_deployment.tools.files import read_json, write_json, write_private
from ws_deployment.tools.folders import cache_home, state_home
from ws_deployment.tools.lock import locked


def test_folders_follow_the_variables_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert state_home() == tmp_path / "s" / "ws-deployment"
    assert cache_home() == tmp_path / "home" / ".cache" / "ws-deployment"
    for folder in (state_home(), cache_home(), tmp_path / "s"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_files_are_private_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_json(path, {"a": [1]})
    assert read_json(path) == {"a": [1]}
    assert path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_private(path, "half")
    assert read_json(path) == {"a": [1]}
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    path.write_text('{"half')
    assert read_json(path) is None
    assert read_json(path / "below") is None


def _count(folder: Path) -> None:
    for _ in range(50):
        with locked(folder / "lock"):
            number = int((folder / "number").read_text())
            time.sleep(0.0005)
            (folder / "number").write_text(str(number + 1))


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    workers = [multiprocessing.get_context("spawn").Process(target=_count, args=(tmp_path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "number").read_text() == "150"


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom ws_deployment.tools.lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n print(flush=True)\n time.sleep(600)"
    )
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout
    holder.stdout.readline()
    waits: list[None] = []
    with (
        pytest.raises(TransientError, match="another process"),
        locked(path, timeout=0.1, on_wait=lambda: waits.append(None)),
    ):
        pytest.fail("two holders")
    assert len(waits) == 1
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with locked(path, timeout=1):
        pass


def test_bundled_data_is_found_or_missed() -> None:
    assert (bundled("terraform/local") / "main.tf").is_file()
    with pytest.raises(MissingToolError, match="terraform/nowhere"):
        bundled("terraform/nowhere")

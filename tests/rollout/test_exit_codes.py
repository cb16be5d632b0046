"""Exit codes that scripts rely on: 1, 3, 130, 143. (0 and 2 are tested beside what they are about.)"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from harness.configs import write_config
from harness.program import program

pytestmark = pytest.mark.real

META = [{"name": "meta", "region": "europe-west1", "type": "existing"}]


def config_with(folder: Path, create: str, look: str = "{'exists': False}") -> Path:
    """A config whose one step has a team's own program make the cluster; `create` is the Python code that does so."""
    maker = folder / "make.py"
    maker.write_text(
        "import json, os, sys, time\n"
        "action = json.load(sys.stdin)['action']\n"
        f"if action == 'look': print(json.dumps({look})); sys.exit(0)\n"
        f"{create}\n"
    )
    cluster: dict[str, Any] = {"prefix": "eu", "region": "europe-west1", "governedBy": "meta", "type": "command"}
    cluster["command"] = [sys.executable, str(maker)]
    return write_config(folder, metaClusters=META, workspaceClusters=[cluster], pipeline=["create-cluster"])


def test_1_when_a_task_failed(tmp_path: Path) -> None:
    ended = program("run", "-c", config_with(tmp_path, "sys.exit('no machines left')"), "--output", "plain")
    assert ended.code == 1
    assert "no machines left" in ended.out
    assert "Traceback" not in ended.err


def test_3_when_a_check_refused(tmp_path: Path) -> None:
    config = config_with(tmp_path, "sys.exit('never asked')", look="{'exists': True, 'run': 'another'}")
    ended = program("run", "-c", config, "--cluster-id", "7")
    assert ended.code == 3
    assert "of run another" in ended.out
    assert "Take another --cluster-id" in ended.out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_130_and_143_when_it_was_asked_to_stop(tmp_path: Path, number: signal.Signals, code: int) -> None:
    config = config_with(tmp_path, "print(os.getpid(), file=open('pid', 'w')); time.sleep(60)")
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "run", "-c", str(config), "--json"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert child.stdout
    next(line for line in child.stdout if json.loads(line)["kind"] == "subtask.started")
    wait_for(tmp_path / "pid")
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert json.loads(out.splitlines()[-1])["data"]["status"] == "interrupted"
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def wait_for(path: Path) -> None:
    for _ in range(200):
        if path.exists() and path.read_text().strip():
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail(f"{path} was never written", pytrace=False)

"""The werft client against a double with the real one's commands, exits and gaps."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from harness.programs import double

from ws_deployment.clients import werft
from ws_deployment.clients.werft import Job, Werft
from ws_deployment.errors import CancelledError, MissingToolError, TransientError, UsageError

pytestmark = pytest.mark.real

JOB = Job("example/shop", "main", ".werft/shift-traffic.yaml", {"percent": "10", "scores": "eu16:90 eu17:10"})
PHASES = ["PHASE_UNKNOWN", "PHASE_PREPARING", "PHASE_RUNNING", "PHASE_DONE"]


def client(home: Path, cancelled: threading.Event | None = None, **behaviour: Any) -> Werft:
    (home / "behaviour.json").write_text(json.dumps({"phases": PHASES, "success": True} | behaviour))
    return Werft(double("werft", home), env={"WERFT_HOST": str(home)}, cancelled=cancelled, poll=0.01)


def test_starts_a_job_and_waits_for_its_success(tmp_path: Path) -> None:
    program = client(tmp_path)
    name = program.start(JOB)
    assert name == "shop-shift-traffic-main.0"
    seen: list[str] = []
    program.wait(name, 20, lambda status: seen.append(status.phase))
    # Success is told from the beginning on: only the end counts.
    assert seen == PHASES
    started = json.loads((tmp_path / f"{name}.job").read_text())
    assert (started["repository"], started["annotations"]) == ("example/shop:main", JOB.annotations)


def test_a_failed_job_is_an_error_though_asking_succeeds(tmp_path: Path) -> None:
    program = client(tmp_path, success=False)
    with pytest.raises(werft.JobFailedError, match="exit code 1"):
        program.wait(program.start(JOB), 20)


def test_a_stopped_job_has_failed(tmp_path: Path) -> None:
    program = client(tmp_path)
    name = program.start(JOB)
    program.stop(name)
    with pytest.raises(werft.JobFailedError):
        program.wait(name, 20)
    with pytest.raises(werft.UnknownJobError):
        program.stop("other.0")


def test_an_unknown_job_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(werft.UnknownJobError, match="not found"):
        client(tmp_path).wait("shop.7", 20)


def test_waiting_has_a_limit_of_its_own(tmp_path: Path) -> None:
    program = client(tmp_path, phases=["PHASE_CLEANUP"])
    with pytest.raises(TransientError, match="PHASE_CLEANUP"):
        program.wait(program.start(JOB), 0.3)


def test_a_werft_that_is_away_is_asked_again(tmp_path: Path) -> None:
    program = client(tmp_path, get="down")
    name = program.start(JOB)
    back = threading.Timer(0.5, lambda: client(tmp_path))
    back.start()
    program.wait(name, 20)
    back.join()


def test_waiting_can_be_cancelled(tmp_path: Path) -> None:
    asked = threading.Event()
    program = client(tmp_path, asked, phases=["PHASE_RUNNING"])
    name = program.start(JOB)
    threading.Timer(0.3, asked.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        program.wait(name, 60)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("how", "kind"), [("refused", TransientError), ("lost", werft.UncertainStartError)])
def test_a_lost_answer_is_not_a_failed_start(tmp_path: Path, how: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        client(tmp_path, start=how).start(JOB)
    assert len(list(tmp_path.glob("*.job"))) == (how == "lost")


def test_a_start_that_hangs_is_uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(werft, "CALL_TIMEOUT", 2.0)
    with pytest.raises(werft.UncertainStartError):
        client(tmp_path, start="hang").start(JOB)


def test_commas_are_refused_where_werft_would_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="comma"):
        client(tmp_path).start(Job("example/shop", "main", "x.yaml", {"names": "a,b"}))


def test_no_such_program() -> None:
    with pytest.raises(MissingToolError, match="no-such-werft"):
        Werft("no-such-werft").start(JOB)

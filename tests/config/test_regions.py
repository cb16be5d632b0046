from __future__ import annotations

import pytest

from ws_deployment.config import regions
from ws_deployment.config.suggest import edits, nearest


def test_every_known_region_is_well_formed_and_listed_once() -> None:
    known = regions.known()
    assert len(set(known)) == len(known) > 40
    assert all(regions.WELL_FORMED.fullmatch(region) for region in known)
    assert {"us-west1", "europe-west1", "us-east1"} <= set(known)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("us-west-1", "us-west1"),
        ("us_west1", "us-west1"),
        ("US-WEST1", "us-west1"),
        ("eu-west1", "europe-west1"),
        ("eu-west-1", "europe-west1"),
        ("na-northeast1", "northamerica-northeast1"),
        ("asia-southest1", "asia-southeast1"),
        ("europe-west1-b", "europe-west1"),
    ],
)
def test_the_region_that_was_meant_is_suggested(written: str, meant: str) -> None:
    assert f"`{meant}`?" in regions.remedy(written)


def test_a_region_far_from_all_gets_no_suggestion() -> None:
    assert regions.remedy("mars-north1") == ""


def test_the_nearest_word_is_that_with_the_fewest_edits() -> None:
    assert nearest("prod-meta-eu01", ["prod-meta-us01", "prod-meta-eu00"]) == "prod-meta-eu00"
    assert nearest("Governed-By", ["governedBy", "gover"]) == "governedBy"
    assert nearest("colour", ["region", "type"]) is None
    assert nearest("x" * 10_000, ["x"]) is None
    assert (edits("abc", "acb"), edits("", "ab"), edits("abc", "abc"), edits("kitten", "sitting")) == (1, 2, 0, 3)

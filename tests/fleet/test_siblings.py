from __future__ import annotations

import pytest

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.fleet.resolve import resolve
from ws_deployment.fleet.siblings import sibling

CONFIG = ConfigV1.model_validate(
    {
        "version": "v1",
        "environment": "production",
        "project": {"id": "p", "dnsZone": "acme.example"},
        "metaClusters": [{"name": "meta", "region": "europe-west1"}],
        "workspaceClusters": [
            {"prefix": "eu", "region": "europe-west1", "governedBy": "meta"},
            {"prefix": "eu2x", "region": "europe-west4", "governedBy": "meta", "url": "https://lb.acme.example"},
            {"prefix": "own", "name": "by-hand", "region": "europe-west1", "governedBy": "meta", "create": False},
            {"prefix": "named", "name": "always-so", "region": "europe-west1", "governedBy": "meta"},
        ],
    }
)
FLEET = resolve(CONFIG, 17)


@pytest.mark.parametrize("name", ["eu16", "eu999", "eu2x3", "eu17", "by-hand"])
def test_it_is_what_the_config_gives_under_the_other_id(name: str) -> None:
    ids = {"eu16": 16, "eu999": 999, "eu2x3": 3, "eu17": 17, "by-hand": 17}
    assert sibling(FLEET, name) == resolve(CONFIG, ids[name]).cluster(name)


@pytest.mark.parametrize("name", ["us16", "eu", "eu0", "eu016", "eu1000", "named16", "own16", "x"])
def test_nothing_else_is_one(name: str) -> None:
    assert sibling(FLEET, name) is None

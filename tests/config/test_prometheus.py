from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ws_deployment.config.prometheus import Prometheus

TOKEN = {"variable": "TOKEN"}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
        ("https://mimir.example.com/prometheus/", "https://mimir.example.com/prometheus"),
        (
            "https://monitoring.googleapis.com/v1/projects/p/location/global/prometheus",
            "https://monitoring.googleapis.com/v1/projects/p/location/global/prometheus",
        ),
    ],
)
def test_an_address_is_kept_without_its_last_slash(url: str, kept: str) -> None:
    assert Prometheus.model_validate({"url": url}).url == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "prometheus:9090"}, "http or https address"),
        ({"url": "https://"}, "http or https address"),
        ({"url": "http://host:99999"}, "http or https address"),
        ({"url": "http://host/?a=b"}, "http or https address"),
        ({"url": "http://a:b@host"}, "http or https address"),
        ({"url": "http://host/api/v1/query"}, "before `/api/v1`"),
        ({"url": "http://host", "tls": {"ca": "ca.crt"}}, "needs an `https` address"),
        ({"url": "https://host", "tls": {"crt": "a.crt"}}, "go together"),
        (
            {"url": "http://host", "bearerToken": TOKEN, "basicAuth": {"username": "a", "password": TOKEN}},
            "give one of",
        ),
        ({"url": "http://host", "bearerToken": TOKEN, "headers": {"authorization": TOKEN}}, "give one of"),
        ({"url": "http://host", "headers": {"X Y": "z"}}, "match pattern"),
        ({"url": "http://host", "headers": {"X": {}}}, "exactly one of"),
        ({"url": "http://host", "timeout": "1h"}, "less than or equal"),
    ],
)
def test_what_is_faulty_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=r".") as caught:
        Prometheus.model_validate(given)
    assert said in str(caught.value)

"""The Gateway API's own CRDs, from its pinned Go module: no other host than the module proxy is asked."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

import pytest

from ws_deployment.errors import MissingToolError
from ws_deployment.tools.golang import provide_go, wanted_by

_MODULE = Path(__file__).parents[1] / "modules" / "gateway-api"


@functools.cache
def http_route_crd() -> Path:
    """The standard channel's CRD of HTTPRoute. Fails the test where there is no Go to fetch it with."""
    try:
        go = provide_go(wanted_by(_MODULE / "go.mod"), print)
    except MissingToolError as error:
        pytest.fail(f"{error}", pytrace=False)
    env = os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off"} | go.env
    name = "sigs.k8s.io/gateway-api"
    for words in (["mod", "download", name], ["list", "-m", "-f", "{{.Dir}}", name]):
        done = subprocess.run(
            [go.program, *words], cwd=_MODULE, env=env, capture_output=True, text=True, timeout=200, check=False
        )
        if done.returncode:
            pytest.fail(f"`go {' '.join(words)}` in {_MODULE}: {done.stderr}", pytrace=False)
    return Path(done.stdout.strip(), "config", "crd", "standard", "gateway.networking.k8s.io_httproutes.yaml")

"""The Gateway API's own CRDs, from its pinned Go module."""

from __future__ import annotations

from pathlib import Path

from harness.go_modules import module_folder


def http_route_crd() -> Path:
    """The standard channel's CRD of HTTPRoute. Fails the test where there is no Go to fetch it with."""
    folder = module_folder("gateway-api", "sigs.k8s.io/gateway-api")
    return folder / "config" / "crd" / "standard" / "gateway.networking.k8s.io_httproutes.yaml"

"""Comes to a meta cluster's Prometheus as the config says: address, credentials, certificates, headers."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ws_deployment.config.model import SecretReference
from ws_deployment.config.prometheus import Prometheus

if TYPE_CHECKING:
    from ws_deployment.clients.prometheus import PrometheusClient
    from ws_deployment.interfaces.context import StepContext


def prometheus_client(context: StepContext, prometheus: Prometheus) -> PrometheusClient:
    """A client, to be closed by the caller. Secrets are read before every query, so that they can be renewed.

    Raises WsDeploymentError where a certificate or a secret can't be read.
    """
    from ws_deployment.clients.probe import ClientTls  # noqa: PLC0415  only where it is used
    from ws_deployment.clients.prometheus import PrometheusClient  # noqa: PLC0415  likewise

    def headers() -> Mapping[str, str]:
        sent = {name: _text(context, value) for name, value in prometheus.headers.items()}
        if prometheus.bearer_token:
            sent["Authorization"] = f"Bearer {context.secret(prometheus.bearer_token)}"
        elif basic := prometheus.basic_auth:
            pair = f"{basic.username}:{context.secret(basic.password)}"
            sent["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return sent

    headers()  # a secret that is missing is told at once
    tls = None
    if prometheus.tls:
        ca, crt, key = (
            context.config_folder / path if path else None
            for path in (prometheus.tls.ca, prometheus.tls.crt, prometheus.tls.key)
        )
        tls = ClientTls(ca, crt, key)
    return PrometheusClient(prometheus.url, headers=headers, tls=tls, timeout=prometheus.timeout)


def _text(context: StepContext, value: str | SecretReference) -> str:
    return context.secret(value) if isinstance(value, SecretReference) else value

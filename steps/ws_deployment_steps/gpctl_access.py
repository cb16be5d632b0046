"""Comes to a meta cluster's bridge by the team's own `gpctl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ws_deployment.interfaces import MetaCluster, Parameters, StepContext
from ws_deployment_steps.bridge_access import target

if TYPE_CHECKING:
    from ws_deployment.clients.gpctl import Gpctl


class GpctlParameters(Parameters):
    """Options of `via: gpctl`."""

    program: str = Field(default="gpctl", description="Name on PATH, or a path.")


def gpctl(parameters: GpctlParameters, context: StepContext, meta: MetaCluster) -> Gpctl:
    """The program for the bridge of `meta`, through its kubeconfig; the config must name its `bridge.kubernetes`."""
    from ws_deployment.clients.gpctl import Gpctl  # noqa: PLC0415  only where it is used

    bridge = context.bridge(meta)
    pods = target(context, meta, bridge)
    return Gpctl(
        pods.kubeconfig,
        pods.context,
        pods.namespace,
        program=parameters.program,
        api=bridge.api,
        cancelled=context.cancelled,
    )

"""The plugin author's whole world: steps, their checks, and the values that pass between them and the engine.

The engine implements `StepContext` and calls the rest; a step implements `IStep` and never imports the engine.
A plugin is found by entry point (`ws_deployment.steps`, `.cluster_types`, `.registrars`, `.traffic_routers`).
"""

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Bridge, Environment, KubernetesAccess
from ws_deployment.fleet.clusters import Fleet, MetaCluster, WorkspaceCluster
from ws_deployment.interfaces.backends import (
    Finding,
    IClusterType,
    IRegistrar,
    ITrafficRouter,
    MetaBackend,
    RegistrationRequest,
    TerraformModule,
    TlsMaterial,
)
from ws_deployment.interfaces.context import Cancelled, StepContext
from ws_deployment.interfaces.step import IPreRun, IStep, PreRun
from ws_deployment.interfaces.values import (
    Change,
    Decision,
    NotYetError,
    Outputs,
    Parameters,
    Scope,
    StepPlan,
    SubTask,
    TurnBackError,
    Undo,
    Verdict,
)
from ws_deployment.traffic.ramp import Registration, Stage

__all__ = [
    "Bridge",
    "Cancelled",
    "Change",
    "Decision",
    "Environment",
    "Finding",
    "Fleet",
    "IClusterType",
    "IPreRun",
    "IRegistrar",
    "IStep",
    "ITrafficRouter",
    "KubernetesAccess",
    "MetaBackend",
    "MetaCluster",
    "NotYetError",
    "Outputs",
    "Parameters",
    "PreRun",
    "Registration",
    "RegistrationRequest",
    "Scope",
    "SecretReference",
    "Stage",
    "StepContext",
    "StepPlan",
    "SubTask",
    "TerraformModule",
    "TlsMaterial",
    "TurnBackError",
    "Undo",
    "Verdict",
    "WorkspaceCluster",
]

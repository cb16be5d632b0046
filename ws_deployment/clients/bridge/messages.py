"""Turns plain values into the wire's messages and back, and knows which fields each API generation has.

A field that a generation lacks is never sent: an old server would ignore it silently.
"""

from __future__ import annotations

import base64

from ws_deployment.clients.bridge import cluster_service_pb2 as pb
from ws_deployment.clients.bridge.model import (
    AdmissionConstraint,
    Api,
    ClusterState,
    ClusterStatus,
    FeaturePreview,
    HasPermission,
    HasUserLevel,
    Registration,
    TlsMaterial,
)
from ws_deployment.errors import UsageError


def register_request(registration: Registration, api: Api) -> pb.RegisterRequest:
    """Make the request; raises UsageError for an admission constraint that `api` lacks."""
    hints = pb.RegistrationHints(
        perfereability=registration.preferability.value,  # type: ignore[arg-type]  # enums are ints on the wire
        cordoned=registration.cordoned,
        govern=registration.govern if api is Api.Y2021 else None,
    )
    return pb.RegisterRequest(
        name=registration.name,
        url=registration.url,
        tls=tls_config(registration.tls),
        hints=hints,
        admission_constraints=[constraint_message(each, api) for each in registration.admission_constraints],
        region=registration.region if api is Api.Y2026 else None,
    )


def tls_config(tls: TlsMaterial) -> pb.TlsConfig:
    """Make the wire's form: base64 of each PEM text."""
    ca, crt, key = (base64.b64encode(text.encode()).decode("ascii") for text in (tls.ca, tls.crt, tls.key))
    return pb.TlsConfig(ca=ca, crt=crt, key=key)


def constraint_message(constraint: AdmissionConstraint, api: Api) -> pb.AdmissionConstraint:
    """Make the wire's form; raises UsageError for a user level in an API that has none."""
    match constraint:
        case FeaturePreview():
            return pb.AdmissionConstraint(has_feature_preview=pb.AdmissionConstraint.FeaturePreview())
        case HasPermission(permission):
            return pb.AdmissionConstraint(has_permission=pb.AdmissionConstraint.HasPermission(permission=permission))
        case HasUserLevel(level):
            if api is not Api.Y2021:
                raise UsageError(
                    "limiting a cluster",
                    on=f"to users of level {level}",
                    why=f"the bridge's API of {api} has no user levels",
                    remedy="Use a permission or a feature preview.",
                )
            return pb.AdmissionConstraint(has_user_level=level)


def constraint_from(message: pb.AdmissionConstraint) -> AdmissionConstraint | None:
    """Read the wire's form; None for a kind that this client does not know."""
    match message.WhichOneof("constraint"):
        case "has_feature_preview":
            return FeaturePreview()
        case "has_permission":
            return HasPermission(message.has_permission.permission)
        case "has_user_level":
            return HasUserLevel(message.has_user_level)
        case _:
            return None


def status_from(message: pb.ClusterStatus) -> ClusterStatus:
    """Read one entry of the list; a state that this client does not know becomes UNKNOWN."""
    known = {state.value for state in ClusterState}
    constraints = (constraint_from(each) for each in message.admission_constraint)
    return ClusterStatus(
        name=message.name,
        url=message.url,
        state=ClusterState(message.state if message.state in known else 0),
        score=message.score,
        max_score=message.max_score,
        governed=message.governed,
        static=message.static,
        region=message.region,
        admission_constraints=tuple(each for each in constraints if each is not None),
    )

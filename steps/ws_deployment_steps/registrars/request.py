"""Turns a registration as steps ask for it into one as the bridge's clients take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ws_deployment.interfaces import RegistrationRequest

if TYPE_CHECKING:
    from ws_deployment.clients.bridge.model import Registration


def native(request: RegistrationRequest) -> Registration:
    """The client's own value; always cordoned."""
    from ws_deployment.clients.bridge import model  # noqa: PLC0415  only where it is used

    preferability = {
        "none": model.Preferability.NONE,
        "prefer": model.Preferability.PREFER,
        "dontschedule": model.Preferability.DONT_SCHEDULE,
    }
    return model.Registration(
        name=request.name,
        url=request.url,
        tls=model.TlsMaterial(request.tls.ca, request.tls.crt, request.tls.key),
        preferability=preferability[request.preferability],
        cordoned=True,
        govern=request.govern,
        region=request.region,
    )

"""Registers by a team's own program: JSON in and out.

`list` is answered with registrations. `register` gets `cluster` {name, url, region, preferability, govern, cordoned,
tls {ca, crt, key}}, PEM texts included: they come on standard input and nowhere else. `cordon` gets `cluster` {name}:
no workspace shall start on it from then on. `deregister` gets `cluster` {name} and never forces.
"""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import IRegistrar, Registration, RegistrationRequest
from ws_deployment_steps import meta_command


class CommandRegistrar(IRegistrar):
    """The team's own program."""

    parameters_model = meta_command.CommandParameters
    parameters: meta_command.CommandParameters

    def registrations(self) -> Sequence[Registration]:
        """All registered clusters."""
        return meta_command.registrations(self.parameters, self.context, self.meta)

    def register(self, request: RegistrationRequest) -> None:
        """Have the cluster registered, cordoned."""
        cluster = {
            "name": request.name,
            "url": request.url,
            "region": request.region,
            "preferability": request.preferability,
            "govern": request.govern,
            "cordoned": True,
            "tls": {"ca": request.tls.ca, "crt": request.tls.crt, "key": request.tls.key},
        }
        meta_command.call(self.parameters, self.context, self.meta, "register", cluster=cluster)

    def cordon(self, name: str) -> None:
        """Let no further workspace start on a registered cluster."""
        meta_command.call(self.parameters, self.context, self.meta, "cordon", cluster={"name": name})

    def deregister(self, name: str) -> None:
        """Have the registration removed."""
        meta_command.call(self.parameters, self.context, self.meta, "deregister", cluster={"name": name})

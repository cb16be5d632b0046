"""`python -m ws_deployment.lab`: the lab's own command line, as terraform/local calls it."""

from __future__ import annotations

import sys

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.command_line import carry_out

if __name__ == "__main__":
    try:
        carry_out(sys.argv[1:], "python -m ws_deployment.lab")
    except WsDeploymentError as error:
        sys.exit(f"error: {error}")

"""Blue/green for whole Kubernetes clusters."""

import os

__version__ = "0.1.0"

# This program forks only to start other programs. gRPC's own handlers would run in the child before that, and shut
# down connections that the parent still uses (seen as "Stream removed (Socket closed)"). Read when gRPC is loaded.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

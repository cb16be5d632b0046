"""Blue/green for whole Kubernetes clusters."""

__version__ = "0.1.0"

"""The label by which releases are known."""

from __future__ import annotations

#: On a ConfigMap: the release that it is of. On a Cluster: the release that the cluster is of.
RELEASE = "ws-deployment.dev/release"

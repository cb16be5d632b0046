"""What Helm's own records in a cluster say of a release, read by one request instead of a process.

Helm keeps each revision as a Secret with the labels owner, name, version and status; the user's labels stand beside
them (https://helm.sh/docs/topics/advanced/#storage-backends). What is in the record is Helm's alone.
"""

from __future__ import annotations

from ws_deployment.clients.helm import HELMS_OWN_LABELS, Revision
from ws_deployment.clients.kube import Kube


def current_revision(kube: Kube, release: str, namespace: str) -> Revision | None:
    """The newest revision with the release's labels; None where there is no such release. Its chart is not told."""
    records = kube.list("v1", "Secret", namespace, selector={"owner": "helm", "name": release})
    if not records:
        return None
    newest = max((record["metadata"]["labels"] for record in records), key=lambda labels: int(labels["version"]))
    return Revision(
        release,
        namespace,
        int(newest["version"]),
        newest["status"],
        chart="",
        labels={key: value for key, value in newest.items() if key not in HELMS_OWN_LABELS},
    )

"""Which charts are installed in a cluster, read from Helm's own records by requests alone: no Helm is needed.

A record's `release` is JSON, compressed by gzip and twice base64: once by Helm, once as a Secret's data
(https://github.com/helm/helm, pkg/storage/driver/util.go).
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ws_deployment.clients.helm import HELMS_OWN_LABELS

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube, Object

#: Bytes of a record that is unpacked at most; a Secret holds 1 MiB, compressed.
_LARGEST = 64 * 2**20


@dataclass(frozen=True)
class Release:
    """A release that is deployed; chart and versions are empty where its record can't be read. `when` is epoch."""

    name: str
    namespace: str
    chart: str
    version: str
    app_version: str
    when: float
    labels: dict[str, str] = field(default_factory=dict)


def deployed(kube: Kube) -> tuple[Release, ...]:
    """The deployed releases of all namespaces, by namespace and name. Raises what `Kube` raises."""
    records = kube.list("v1", "Secret", selector={"owner": "helm", "status": "deployed"})
    return tuple(sorted(map(_release, records), key=lambda release: (release.namespace, release.name)))


def _release(record: Object) -> Release:
    metadata = record["metadata"]
    labels = metadata.get("labels", {})
    told = _chart(record)
    changed = labels.get("modifiedAt") or labels.get("createdAt") or "0"
    return Release(
        labels.get("name", metadata["name"]),
        metadata["namespace"],
        str(told.get("name", "")),
        str(told.get("version", "")),
        str(told.get("appVersion", "")),
        float(changed) if changed.isdigit() else 0.0,
        {key: value for key, value in labels.items() if key not in HELMS_OWN_LABELS},
    )


def _chart(record: Object) -> dict[str, object]:
    try:
        packed = base64.b64decode(base64.b64decode(record["data"]["release"]))
        text = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(packed, _LARGEST)
        metadata = json.loads(text)["chart"]["metadata"]
    except (KeyError, TypeError, ValueError, binascii.Error, gzip.BadGzipFile, zlib.error):
        return {}
    return metadata if isinstance(metadata, dict) else {}

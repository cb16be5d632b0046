"""What the bridge knows about clusters, as plain values.

No wire format and no grpc here: `messages` turns these into what is sent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path

from ws_deployment.errors import UsageError


class Api(StrEnum):
    """Generation of the bridge's API: of November 2021, or the present one."""

    Y2021 = "2021"
    Y2026 = "2026"


class ClusterState(Enum):
    """What the bridge does with a registered cluster; the values are the wire's."""

    UNKNOWN = 0
    AVAILABLE = 1
    CORDONED = 2
    DRAINING = 3


class Preferability(Enum):
    """The hint that decides the first score: 50, 100 or 0. The values are the wire's."""

    NONE = 0
    PREFER = 1
    DONT_SCHEDULE = 2


@dataclass(frozen=True)
class FeaturePreview:
    """Admits users who opted in to previews."""


@dataclass(frozen=True)
class HasPermission:
    """Admits users who hold `permission`."""

    permission: str


@dataclass(frozen=True)
class HasUserLevel:
    """Admits users of `level`; API 2021 only."""

    level: str


AdmissionConstraint = FeaturePreview | HasPermission | HasUserLevel


@dataclass(frozen=True)
class TlsMaterial:
    """What the bridge presents to a cluster's ws-manager, each PEM text. Key and certificate never show in a repr."""

    ca: str = field(repr=False)
    crt: str = field(repr=False)
    key: str = field(repr=False)

    @classmethod
    def from_secret(cls, data: Mapping[str, str]) -> TlsMaterial:
        """Read a Kubernetes TLS Secret's `data`: base64 under ca.crt, tls.crt and tls.key.

        Raises UsageError naming the entry that is missing or not base64 of text.
        """
        texts = []
        for entry in ("ca.crt", "tls.crt", "tls.key"):
            try:
                texts.append(base64.b64decode(data[entry], validate=True).decode("ascii"))
            except KeyError:
                raise UsageError("reading the TLS secret", on=entry, why="the secret has no such entry") from None
            except (binascii.Error, UnicodeDecodeError):
                # Not chained: the decoder's message could quote the key.
                raise UsageError("reading the TLS secret", on=entry, why="not base64 of PEM text") from None
        return cls(*texts)


@dataclass(frozen=True)
class TlsFiles:
    """PEM files for a TLS connection to the bridge itself; without `crt` and `key` only the server proves itself."""

    ca: Path | None = None
    crt: Path | None = None
    key: Path | None = None
    #: The name in the server's certificate where it differs from the address dialled.
    server_name: str = ""


@dataclass(frozen=True)
class Registration:
    """A cluster to be made known at a meta cluster, cordoned unless asked otherwise.

    `url` is the ws-manager's https address. `region` is one of the bridge's own (europe, north-america,
    south-america, africa, asia) or empty; the 2021 API has none. `govern` is asked for in the 2021 API only; today's
    bridge governs every cluster.
    """

    name: str
    url: str
    tls: TlsMaterial
    preferability: Preferability = Preferability.NONE
    cordoned: bool = True
    govern: bool = True
    region: str = ""
    admission_constraints: tuple[AdmissionConstraint, ...] = ()


@dataclass(frozen=True)
class ClusterStatus:
    """A registered cluster as the bridge tells it.

    A start goes to an available cluster at random, weighted by `weight`. `region` is always empty in the 2021 API.
    """

    name: str
    url: str
    state: ClusterState
    score: int
    max_score: int
    governed: bool
    static: bool = False
    region: str = ""
    admission_constraints: tuple[AdmissionConstraint, ...] = ()

    @property
    def weight(self) -> int:
        """The score that placement uses: clamped at the maximum, never below zero."""
        return max(0, min(self.score, self.max_score))

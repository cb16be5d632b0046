"""The bridge's refusals told apart, although its server answers most of them with the code UNKNOWN.

The texts are matched as both generations of the server write them; the proper codes are understood too.
"""

from __future__ import annotations

from collections.abc import Iterable

from ws_deployment.clients.bridge.model import ClusterStatus
from ws_deployment.errors import TransientError, WsDeploymentError


class BridgeError(WsDeploymentError):
    """The bridge refused a call for a reason that will not pass by itself."""


class AlreadyRegisteredError(BridgeError):
    """A cluster of that name or URL is registered already."""


class NotRegisteredError(BridgeError):
    """No cluster of that name is registered."""


class ClusterNotEmptyError(BridgeError):
    """Workspaces still run on the cluster, so it is not deregistered without force."""


class TlsRefusedError(BridgeError):
    """The bridge and the cluster's ws-manager do not trust each other: wrong CA, expired, or not a pair."""


class InvalidRegistrationError(BridgeError):
    """The bridge does not accept a value of the registration (region, preferability, missing TLS)."""


class AccessDeniedError(BridgeError):
    """The bridge does not let this caller do that."""


class BridgeUnavailableError(TransientError):
    """The bridge did not answer: not reachable, or not in time."""


class UnreachableClusterError(TransientError):
    """The bridge can't reach the cluster that is to be registered; a fresh one may not be up yet."""


#: Characters of the server's text that are shown: it names every workspace that still runs.
LONGEST = 300

_TRANSIENT_CODES = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED"})
#: How grpc and OpenSSL, of Node and of Python, speak of certificates that do not fit.
_TLS_WORDS = (
    "certificate", "handshake", "key values mismatch", "self signed", "self-signed", "x509", "pem", "asn1", "ssl",
)  # fmt: skip


def refusal(attempted: str, on: str, code: str, text: str) -> WsDeploymentError:
    """Make the error for the status `code` (a name such as "UNKNOWN") and details `text` of a failed call."""
    kind, remedy = _classify(attempted, code, text.lower())
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
    return kind(attempted, on=on, why=f"{shown or 'no details given'} ({code})", remedy=remedy)


def _classify(attempted: str, code: str, text: str) -> tuple[type[WsDeploymentError], str]:
    if code in _TRANSIENT_CODES:
        return BridgeUnavailableError, "Check that the meta cluster's bridge runs and that its endpoint is right."
    if code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return AccessDeniedError, "Check the credentials configured for this meta cluster's bridge."
    if code == "UNIMPLEMENTED":
        return BridgeError, "The endpoint is not a bridge's cluster service; check the meta cluster's address."
    return _classify_refusal(attempted, code, text)


def _classify_refusal(attempted: str, code: str, text: str) -> tuple[type[WsDeploymentError], str]:
    if "cannot reach" in text or "key values mismatch" in text:
        return _unreachable(text)
    # An update of an unknown name is told "already exists" by the older server.
    if code == "NOT_FOUND" or "does not exist" in text or (attempted == UPDATING and "already exists" in text):
        return NotRegisteredError, "Register the cluster first, or check its name in the bridge's list."
    for kind, proper_code, words, remedy in _REFUSALS:
        if code == proper_code or any(word in text for word in words):
            return kind, remedy
    return BridgeError, "See the bridge's own log for the cause."


def _unreachable(text: str) -> tuple[type[WsDeploymentError], str]:
    if any(word in text for word in _TLS_WORDS):
        return TlsRefusedError, "Compare the client secret's CA, certificate and key with the cluster's ws-manager's."
    return UnreachableClusterError, "Check that the ws-manager answers at this URL from the meta cluster."


#: The words by which an update is told apart from a registration above.
UPDATING = "updating cluster"
_USE_ANOTHER = "Deregister it, or use another name and URL."
_REFUSALS: tuple[tuple[type[BridgeError], str, tuple[str, ...], str], ...] = (
    (AlreadyRegisteredError, "ALREADY_EXISTS", ("already exists",), _USE_ANOTHER),
    (ClusterNotEmptyError, "", ("not empty", "instances remaining"), "Wait until its workspaces have stopped."),
    (
        InvalidRegistrationError,
        "INVALID_ARGUMENT",
        ("workspace region", "preferability", "tls config"),
        "Check the cluster's hints, region and TLS secret in the config.",
    ),
)


def check_free(name: str, url: str, listed: Iterable[ClusterStatus]) -> None:
    """Raise AlreadyRegisteredError where `name` or `url` is taken, as the older server does not."""
    for each in listed:
        if name == each.name or url == each.url:
            why = f"{each.name} is registered with {each.url}"
            raise AlreadyRegisteredError("registering cluster", on=name, why=why, remedy=_USE_ANOTHER)

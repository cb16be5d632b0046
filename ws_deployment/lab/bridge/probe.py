"""Asks a cluster's ws-manager whether it is there, by mutual TLS, as the real bridge does before it registers one."""

from __future__ import annotations

import base64
import binascii
import ssl
from urllib.parse import urlsplit

import grpc

from ws_deployment.clients.bridge import cluster_service_pb2 as pb
from ws_deployment.lab.tls_pair import load_pair

#: Seconds that a ws-manager has to answer.
TIMEOUT = 5.0
#: The name in every ws-manager's certificate, whatever its address.
SERVER_NAME = "ws-manager"
_METHOD = "/wsman.WorkspaceManager/GetWorkspaces"


class ProbeError(Exception):
    """The cluster can't be reached, or the TLS material does not fit. Its text goes to the bridge's client."""


def probe(url: str, tls: pb.TlsConfig) -> None:
    """Ask the ws-manager at `url` for its workspaces; raises ProbeError where no answer comes."""
    ca, crt, key = (_decoded(text) for text in (tls.ca, tls.crt, tls.key))
    _check_pair(crt, key)
    credentials = grpc.ssl_channel_credentials(ca, key, crt)
    options = [("grpc.ssl_target_name_override", SERVER_NAME), ("grpc.enable_http_proxy", 0)]
    address = urlsplit(url)
    with grpc.secure_channel(f"{address.hostname}:{address.port or 443}", credentials, options) as channel:
        # An empty request and whatever answer: the messages of that service are no matter of ours.
        ask = channel.unary_unary(_METHOD, request_serializer=bytes, response_deserializer=bytes)
        try:
            ask(b"", timeout=TIMEOUT)
        except grpc.RpcError as error:
            raise ProbeError(f"cannot reach {url}: {error.code().value[0]} {error.details()}") from None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        raise ProbeError("TLS config is no base64") from None


def _check_pair(crt: bytes, key: bytes) -> None:
    try:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), crt.decode(), key.decode())
    except (ssl.SSLError, UnicodeDecodeError) as error:
        # In OpenSSL's words, as the real server's are: KEY_VALUES_MISMATCH is "key values mismatch" there.
        reason = str(getattr(error, "reason", None) or "no PEM text").lower().replace("_", " ")
        raise ProbeError(f"TLS config: x509 certificate routines: {reason}") from None

"""Asks a cluster's ws-manager whether it is there, by mutual TLS, as the real bridge does before it registers one."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ws_deployment.clients.bridge import cluster_service_pb2 as pb

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
        certified = x509.load_pem_x509_certificate(crt).public_key()
        own = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError):
        raise ProbeError("TLS config is no PEM") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certified.public_bytes(*form) != own.public_bytes(*form):
        raise ProbeError("x509 certificate routines: key values mismatch")

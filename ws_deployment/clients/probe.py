"""Asks an endpoint once whether it is alive: HTTP, TCP, gRPC health. How often and how long is the caller's matter."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from ws_deployment.errors import TransientError

#: https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto
_SERVING = 1


class ProbeError(TransientError):
    """The endpoint did not answer as it should. It may yet: a fresh service takes its time."""


@dataclass(frozen=True)
class ClientTls:
    """PEM files for an endpoint that speaks TLS: the CA that signed it, and a client pair where it asks for one."""

    ca: Path | None = None
    crt: Path | None = None
    key: Path | None = None


def probe_http(url: str, *, timeout: float, expect: range = range(200, 400), tls: ClientTls | None = None) -> None:
    """GET `url`; its status must be in `expect`. `timeout` in seconds. Raises ProbeError."""
    import httpx  # noqa: PLC0415  60 ms

    try:
        answer = httpx.get(url, timeout=timeout, verify=_ssl_context(tls), follow_redirects=False)
    except (httpx.HTTPError, OSError) as error:
        raise ProbeError("probing", on=url, why=str(error) or type(error).__name__) from error
    if answer.status_code not in expect:
        why = f"it answers {answer.status_code} {answer.reason_phrase}"
        raise ProbeError("probing", on=url, why=why, remedy=f"Expected is {expect.start} to {expect.stop - 1}.")


def probe_tcp(host: str, port: int, *, timeout: float) -> None:
    """Open a connection and close it. `timeout` in seconds. Raises ProbeError."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError as error:
        raise ProbeError("probing", on=f"{host}:{port}", why=str(error)) from error


def probe_grpc(address: str, *, timeout: float, service: str = "", tls: ClientTls | None = None) -> None:
    """Ask the standard health service of `address` (host:port) about `service`; empty is the whole server.

    Without `tls` the connection is plain. `timeout` in seconds. Raises ProbeError unless it says SERVING.
    """
    import grpc  # noqa: PLC0415  60 ms
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415  loaded when used

    channel = (
        grpc.secure_channel(address, grpc.ssl_channel_credentials(*_pem(tls)))
        if tls
        else grpc.insecure_channel(address)
    )
    with channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=timeout, wait_for_ready=True
            )
        except grpc.RpcError as error:
            why = f"{error.code().name}: {error.details()}"
            raise ProbeError("asking the health service of", on=address, why=why) from error
    if answer.status != _SERVING:
        name = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise ProbeError("asking the health service of", on=address, why=f"{service or 'the server'} is {name}")


def _ssl_context(tls: ClientTls | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca) if tls and tls.ca else None)
    if tls and tls.crt:
        context.load_cert_chain(tls.crt, tls.key)
    return context


def _pem(tls: ClientTls) -> tuple[bytes | None, bytes | None, bytes | None]:
    """CA, key and certificate, in the order that gRPC wants them."""
    ca, key, crt = (path.read_bytes() if path else None for path in (tls.ca, tls.key, tls.crt))
    return ca, key, crt

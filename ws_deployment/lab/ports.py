"""Chooses ports that nobody listens on. Whoever binds one may still be too late, and asks for another then."""

from __future__ import annotations

import random
import socket

# Below the ranges that systems take outgoing connections' ports from (Linux 32768, macOS and IANA 49152): a port of
# theirs can be gone between the choice and the bind. Above what well-known servers take.
_FIRST, _LAST = 20000, 32000


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports of the loopback address that were free a moment ago."""
    ports: list[int] = []
    # Neighbours that start at the same time shall not draw alike, so the draw is the system's.
    for port in random.SystemRandom().sample(range(_FIRST, _LAST), _LAST - _FIRST):
        if len(ports) == count:
            break
        if is_free(port):
            ports.append(port)
    return ports


def is_free(port: int) -> bool:
    """Whether a server could bind `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: without it a connection that was just closed makes the port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

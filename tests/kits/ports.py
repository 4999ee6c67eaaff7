"""Ports for what is about to listen."""

import contextlib
import itertools
import secrets
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def free_port() -> int:
    """Find a port that nobody listens on, and that nobody is given who asks the system for any before it is used."""
    return next(filter(_is_free, _ports()))


def _is_free(port: int) -> bool:
    with socket.socket() as listener, contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        return True
    return False


@cache
def _ports() -> Iterator[int]:
    """Go round the ports below those that the system gives, from anywhere: other runs of tests do the same."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(given.read_text(encoding="ascii").split()[0]) if given.exists() else 32_768
    ports = range(min(10_000, first // 2), first)
    began = secrets.randbelow(len(ports))
    return itertools.cycle([*ports[began:], *ports[:began]])

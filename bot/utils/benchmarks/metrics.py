"""What an instance says of itself."""

import asyncio
from http.client import HTTPConnection

from bot.utils.benchmarks.processes import BenchmarkError, Server

_UPDATES = "gmbot_updates_total{"
_VERIFIED = 'result="verified"'


async def verified(port: int) -> int:
    """Return how many messages the gate has let pass as verified."""
    return sum(count for line, count in await _updates(port) if _VERIFIED in line)


async def check_verified(server: Server) -> None:
    """Raise BenchmarkError when anything but messages of verified members came to an instance."""
    others = [line for line, count in await _updates(server.port) if _VERIFIED not in line and count]
    if others:
        raise BenchmarkError(f"{server.name} did not verify every message: {'; '.join(others)}")


async def remembered(port: int) -> int:
    """Return how many memberships the instance has in its memory."""
    page = await asyncio.to_thread(_read, port)
    return next(int(float(line.split()[1])) for line in page.splitlines() if line.startswith("gmbot_l1_entries "))


async def _updates(port: int) -> list[tuple[str, int]]:
    page = await asyncio.to_thread(_read, port)
    lines = [line for line in page.splitlines() if line.startswith(_UPDATES)]
    return [(line, int(float(line.rpartition(" ")[2]))) for line in lines]


def _read(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()

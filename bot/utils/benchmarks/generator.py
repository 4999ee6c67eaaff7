"""A load generator that costs less than the servers it loads: blocking sockets and epoll, nothing else.

`python -m bot.utils.benchmarks.generator PORT SECONDS CONNECTIONS` takes the requests from standard input and writes a
tally to standard output, both as MessagePack. Each connection posts the next request when the last one is answered.
"""

import select
import socket
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle

import msgspec

_OK = b"HTTP/1.1 200 "
_PATIENCE_SECONDS = 30.0


class Tally(msgspec.Struct):
    """What came of one burst of load."""

    answered: int
    refused: int
    seconds: float
    p99_ms: float


class _Connection:
    """One socket, and when its request was sent."""

    __slots__ = ("receive", "rest", "send", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.receive: Callable[[int], bytes] = self.socket.recv
        self.send: Callable[[bytes], None] = self.socket.sendall
        self.rest = b""
        self.sent_at = 0.0


class _Load:
    """What is posted until when, and what has come of it."""

    def __init__(self, requests: Sequence[bytes], *, end: float) -> None:
        self._requests = cycle(requests)
        self._end = end
        self._size = 0
        self.latencies: list[float] = []
        self.refused = 0

    def post(self, connection: _Connection) -> None:
        """Send the next request."""
        connection.sent_at = time.perf_counter()
        connection.send(next(self._requests))

    def take(self, connection: _Connection) -> bool:
        """Take what has arrived, and post again; say whether this connection's last answer is there."""
        data = connection.receive(65536)
        if not data:
            raise ConnectionError("the server hung up")
        answer = connection.rest + data
        # A server's answers are all of one size, so only the first has to be read.
        self._size = self._size or _size(answer)
        if not self._size or len(answer) < self._size:
            connection.rest = answer
            return False
        connection.rest = b""
        now = time.perf_counter()
        self.latencies.append(now - connection.sent_at)
        self.refused += not answer.startswith(_OK)
        if now >= self._end:
            return True
        self.post(connection)
        return False


def load(port: int, requests: Sequence[bytes], *, seconds: float, connections: int) -> Tally:
    """Post the requests over and over for that long, then wait for the answers under way."""
    poll, made = select.epoll(), [_Connection(port) for _ in range(connections)]
    by_number = {each.socket.fileno(): each for each in made}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    began, waiting = time.perf_counter(), connections
    run = _Load(requests, end=began + seconds)
    for each in made:
        run.post(each)
    while waiting:
        ready = poll.poll(_PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError("the server does not answer any more")
        for number, _ in ready:
            waiting -= run.take(by_number[number])
    took = time.perf_counter() - began
    latencies = sorted(run.latencies)
    p99 = latencies[int(len(latencies) * 0.99)] * 1000
    return Tally(len(latencies) - run.refused, run.refused, took, p99)


def _size(answer: bytes) -> int:
    """Return the length of an answer whose head has arrived, 0 before."""
    head, blank, _ = answer.partition(b"\r\n\r\n")
    if not blank:
        return 0
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(head) + len(blank) + int(length or 0)


def main() -> None:
    """Take requests, make load, tell what came of it."""
    requests = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[bytes])
    tally = load(int(sys.argv[1]), requests, seconds=float(sys.argv[2]), connections=int(sys.argv[3]))
    sys.stdout.buffer.write(msgspec.msgpack.encode(tally))


if __name__ == "__main__":
    main()

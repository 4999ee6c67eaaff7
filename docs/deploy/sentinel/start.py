"""Start a Redis as a replica of whoever the sentinels say is primary.

    start.py HOST:PORT SERVICE SENTINEL[,SENTINEL...] -- redis-server /etc/redis.conf

HOST:PORT is this Redis' own address. A killed primary that is simply started again comes up as a primary, and whoever
reaches it before the sentinels do writes into a void. When no sentinel answers, or this one is the primary, it is
started as its configuration says.
"""

import os
import socket
import sys

_SECONDS = 1.0
_ANSWER_LINES = 5


def primary(sentinel: str, service: str) -> tuple[str, str] | None:
    """Ask a sentinel; None when it does not answer or knows nothing."""
    host, _, port = sentinel.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _SECONDS) as connection:
            connection.sendall(f"SENTINEL GET-MASTER-ADDR-BY-NAME {service}\r\n".encode())
            # An array of two strings: *2, $length, host, $length, port.
            lines = connection.recv(4096).decode().splitlines()
    except OSError:
        return None
    return (lines[2], lines[4]) if len(lines) == _ANSWER_LINES else None


def main() -> None:
    """Become the server."""
    here, service, sentinels, _, *command = sys.argv[1:]
    for sentinel in sentinels.split(","):
        found = primary(sentinel, service)
        if found is not None:
            if ":".join(found) != here:
                command += ["--replicaof", *found]
            break
    os.execvp(command[0], command)  # noqa: S606 - the command that the operator gave


if __name__ == "__main__":
    main()

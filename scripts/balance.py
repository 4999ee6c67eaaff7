"""Prints upstream.conf for nginx.conf: which instances there are, and how they share the work.

    python -m scripts.balance least-connections gmbot-1:8000 gmbot-2:8000 gmbot-3:8000 > upstream.conf
    python -m scripts.balance weighted gmbot-1:8000=50 gmbot-2:8000=30 gmbot-3:8000=20 > upstream.conf
    python -m scripts.balance round-robin gmbot:8000 --resolver 127.0.0.11 > upstream.conf

With a resolver one name stands for all instances behind it, and nginx follows the name's addresses as they change.
"""

import argparse
import sys
from collections.abc import Sequence

# How the upstream of updates and that of people begin. Sticky: updates by the path, that is by bot, people by cookie.
STRATEGIES = {
    "round-robin": ("", ""),
    "least-connections": ("least_conn;", "least_conn;"),
    "weighted": ("", ""),
    "sticky": ("hash $uri consistent;", "hash $place consistent;"),
}
# An instance that failed three requests is left alone for two seconds; then one request tries it again.
_HEALTH = "max_fails=3 fail_timeout=2s"
_IDLE_CONNECTIONS = 64


def upstream(name: str, choice: str, instances: Sequence[str], *, resolver: str | None) -> str:
    """Return one upstream block; an instance is host:port or host:port=weight."""
    servers = []
    for instance in instances:
        address, _, weight = instance.partition("=")
        more = f" weight={weight}" if weight else ""
        servers.append(f"server {address} {_HEALTH}{more}{' resolve' if resolver else ''};")
    lines = [f"zone {name} 256k;"]
    lines += [f"resolver {resolver} valid=2s ipv6=off;", "resolver_timeout 2s;"] if resolver else []
    lines += [choice] if choice else []
    lines += [*servers, f"keepalive {_IDLE_CONNECTIONS};"]
    body = "\n".join(f"    {line}" for line in lines)
    return f"upstream {name} {{\n{body}\n}}\n"


def upstreams(strategy: str, instances: Sequence[str], *, resolver: str | None = None) -> str:
    """Return the whole file."""
    updates, people = STRATEGIES[strategy]
    blocks = [
        upstream("updates", updates, instances, resolver=resolver),
        upstream("people", people, instances, resolver=resolver),
    ]
    command = " ".join([strategy, *instances, *(["--resolver", resolver] if resolver else [])])
    return f"# Made by `python -m scripts.balance {command}`\n" + "\n".join(blocks)


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.balance", description=__doc__.splitlines()[0])
    parser.add_argument("strategy", choices=STRATEGIES)
    parser.add_argument("instances", nargs="+", metavar="HOST:PORT[=WEIGHT]")
    parser.add_argument("--resolver", metavar="ADDRESS", help="ask this name server again and again")
    wanted = parser.parse_args()
    weighed = [instance for instance in wanted.instances if "=" in instance]
    if (wanted.strategy == "weighted") != bool(weighed) or (weighed and weighed != wanted.instances):
        parser.error("weighted needs a weight for every instance (host:port=50); the other choices take none")
    sys.stdout.write(upstreams(wanted.strategy, wanted.instances, resolver=wanted.resolver))


if __name__ == "__main__":
    main()

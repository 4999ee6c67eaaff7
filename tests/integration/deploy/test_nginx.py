"""nginx.conf, as it is deployed, before servers that answer as they are told."""

import asyncio
import io
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from scripts.balance import upstreams
from tests.faults.front import Front, front, trusting
from tests.kits.platform import eventually
from tests.kits.ports import free_port

DEPLOYED = Path(__file__).parents[3] / "docs" / "deploy" / "nginx" / "upstream.conf"
SECRET = "the-secret-that-must-not-be-logged"
UPDATE = {"X-Telegram-Bot-Api-Secret-Token": SECRET}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def well(_: web.Request) -> web.StreamResponse:
    """Answer as an instance that is well."""
    return web.Response(text="done")


@dataclass
class Backend:
    """One server behind nginx, and what it was asked."""

    port: int
    answer: Answer = well
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Note the request and answer it."""
        assert isinstance(request, web.Request)
        self.requests.append(request)
        self.bodies.append(await request.read())
        return await self.answer(request)


@dataclass
class Stand:
    """nginx before two servers, and a client that trusts it."""

    front: Front
    one: Backend
    two: Backend
    http: aiohttp.ClientSession

    @property
    def asked(self) -> list[web.Request]:
        """What got through."""
        return [*self.one.requests, *self.two.requests]

    async def ask(self, method: str, path: str, **arguments: object) -> tuple[int, str, "aiohttp.ClientResponse"]:
        """Send a request; return the status, the text and the answer."""
        url = f"https://127.0.0.1:{self.front.port}{path}"
        async with self.http.request(method, url, allow_redirects=False, **arguments) as answer:  # type: ignore[arg-type]  # passed through
            return answer.status, await answer.text(), answer


async def backend(stack: AsyncExitStack) -> Backend:
    """Start a server."""
    found = Backend(free_port())
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{tail:.*}", found.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", found.port, backlog=1024).start()
    return found


async def stand(stack: AsyncExitStack, directory: Path, **options: object) -> Stand:
    """Bring everything up."""
    one, two = await backend(stack), await backend(stack)
    running = await stack.enter_async_context(
        front(directory, free_port(), one.port, two.port, tls=True, **options)  # type: ignore[arg-type]  # passed through
    )
    connector = aiohttp.TCPConnector(ssl=trusting(running), limit=0)
    # One has no cookies unless the test says so.
    http = await stack.enter_async_context(
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
    )
    return Stand(running, one, two, http)


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Stand]:
    """Nginx as it is deployed, before two servers."""
    async with AsyncExitStack() as stack:
        yield await stand(stack, tmp_path / "front")


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/health", "/readyz", "/livez", "/telegrams/7", "/consoles", "/apis/", "/telegram/../metrics",
     "/console/..%2fmetrics", "/console/%2e%2e/health", "//metrics", "/.git/config"],
)  # fmt: skip
async def test_nothing_else_is_passed(behind: Stand, path: str) -> None:
    """What is for the operators alone is not there for the world, whatever way it is written."""
    status, _, _ = await behind.ask("GET", path)

    assert (status, behind.asked) == (404, [])


async def test_the_console_is_found_without_its_slash(behind: Stand) -> None:
    """Whatever port the world sees."""
    status, _, answer = await behind.ask("GET", "/console")

    assert (status, answer.headers["Location"]) == (301, "/console/")


@pytest.mark.parametrize("path", ["/telegram/7", "/console/", "/console/groups", "/api/v1/groups"])
async def test_what_the_world_may_reach_is_passed(behind: Stand, path: str) -> None:
    """Updates, the console and the API."""
    assert (await behind.ask("POST", path, data=b"{}"))[:2] == (200, "done")
    assert [each.path for each in behind.asked] == [path]


async def test_instances_hear_the_address_that_connected(behind: Stand) -> None:
    """Whatever a client claims about its own address is replaced."""
    lies = {
        "X-Forwarded-For": "8.8.8.8",
        "X-Forwarded-Proto": "http",
        "X-Real-IP": "8.8.8.8",
        "Forwarded": "for=8.8.8.8",
    }
    await behind.ask("POST", "/api/v1/groups", headers=lies)
    (request,) = behind.asked

    assert request.headers.getall("X-Forwarded-For") == ["127.0.0.1"]
    assert request.headers.getall("X-Forwarded-Proto") == ["https"]
    assert "X-Real-IP" not in request.headers
    assert "Forwarded" not in request.headers


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/telegram/7", 1 << 20, 200),
        ("/telegram/7", (1 << 20) + 1, 413),
        ("/console/settings", 64 << 10, 200),
        ("/console/settings", (64 << 10) + 1, 413),
        ("/api/v1/messages", 128 << 10, 200),
        ("/api/v1/messages", (128 << 10) + 1, 413),
    ],
)
async def test_bodies_are_bounded(behind: Stand, path: str, size: int, status: int) -> None:
    """An update may have 1 MiB, what people send much less; a byte more is refused by nginx itself."""
    found, _, _ = await behind.ask("POST", path, data=io.BytesIO(b"x" * size))

    assert found == status
    assert [len(body) for each in (behind.one, behind.two) for body in each.bodies] == ([size] if status == 200 else [])


async def test_a_body_is_taken_in_before_an_instance_is_troubled(behind: Stand) -> None:
    """A caller that sends slowly costs an instance nothing."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.3)
        assert behind.asked == []
        yield b"}"

    assert (await behind.ask("POST", "/telegram/7", data=slowly()))[0] == 200
    assert b"".join(behind.one.bodies + behind.two.bodies) == b"{}"


async def test_the_secret_is_not_logged_and_no_query(behind: Stand) -> None:
    """Neither by an access nor by an error."""
    await behind.ask("POST", "/telegram/7", headers=UPDATE, data=b"{}")
    await behind.ask("GET", "/console/login?key=the-key-of-a-link")
    behind.one.port = behind.two.port = free_port()
    behind.front.balance("round-robin", [behind.one.port])

    async def nobody_there() -> bool:
        return (await behind.ask("GET", "/console/groups?key=the-key-of-a-link"))[0] == 502

    await eventually(nobody_there, "nginx reads its new upstreams")
    await behind.ask("POST", "/telegram/7", headers=UPDATE, data=b"{}")
    log = behind.front.log

    assert '"path":"/telegram/7"' in log
    assert "Connection refused" in log
    assert SECRET not in log
    assert "the-key-of-a-link" not in log


async def test_a_dead_instance_is_not_noticed(behind: Stand) -> None:
    """The next one gets the update, also when the first had begun with it; nobody outside sees a failure."""

    async def dies(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    behind.one.answer = dies
    statuses = Counter([(await behind.ask("POST", "/telegram/7", data=b"{}"))[0] for _ in range(20)])

    assert statuses == {200: 20}
    assert len(behind.two.requests) == 20
    # Tried three times and then left alone, but for a try every two seconds.
    assert 3 <= len(behind.one.requests) <= 10


async def test_what_people_send_is_not_sent_twice(behind: Stand) -> None:
    """A form that an instance may have received is the person's to send again."""

    async def dies(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    behind.one.answer = behind.two.answer = dies

    assert (await behind.ask("POST", "/console/groups", data=b"{}"))[0] == 502
    assert len(behind.asked) == 1


async def test_a_hint_to_come_later_is_passed_on(behind: Stand) -> None:
    """503 means the same of every instance: it reaches Telegram with its Retry-After, and counts against nobody."""

    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": "1"})

    behind.one.answer = behind.two.answer = busy
    answers = [await behind.ask("POST", "/telegram/7", data=b"{}") for _ in range(6)]

    assert {(status, answer.headers["Retry-After"]) for status, _, answer in answers} == {(503, "1")}
    assert (len(behind.one.requests), len(behind.two.requests)) == (3, 3)


@pytest.mark.parametrize("path", ["/console/feed", "/console/events", "/console/groups/-1001/events"])
async def test_events_come_as_they_happen(behind: Stand, path: str) -> None:
    """A stream is not held back until a buffer is full."""
    more = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"data: first\n\n")
        await more.wait()
        await answer.write(b"data: second\n\n")
        return answer

    behind.one.answer = behind.two.answer = stream
    async with behind.http.get(f"https://127.0.0.1:{behind.front.port}{path}") as answer:
        async with asyncio.timeout(30):
            first = await answer.content.readuntil(b"\n\n")
        more.set()
        rest = await answer.read()

    assert (first, rest) == (b"data: first\n\n", b"data: second\n\n")


async def test_attempts_to_sign_in_are_few(behind: Stand) -> None:
    """Ten a minute from one address, and five more at once."""
    statuses = Counter([(await behind.ask("POST", "/console/login", data=b"x"))[0] for _ in range(30)])

    assert 5 <= statuses[200] <= 8
    assert statuses[200] + statuses[429] == 30
    assert (await behind.ask("GET", "/console/"))[0] == 200


async def test_calls_of_the_api_are_bounded(behind: Stand) -> None:
    """Twenty a second from one address, and forty more at once."""
    answers = await asyncio.gather(*(behind.ask("GET", "/api/v1/groups") for _ in range(300)))
    statuses = Counter(status for status, _, _ in answers)

    assert 40 <= statuses[200] < 300
    assert statuses[200] + statuses[429] == 300


async def test_updates_are_never_slowed_down(behind: Stand) -> None:
    """No limit of nginx stands in Telegram's way."""
    answers = await asyncio.gather(*(behind.ask("POST", "/telegram/7", data=b"{}") for _ in range(300)))

    assert Counter(status for status, _, _ in answers) == {200: 300}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_is_of_this_decade(behind: Stand, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 are spoken."""
    context = trusting(behind.front)
    context.minimum_version = context.maximum_version = version
    _, writer = await asyncio.open_connection("127.0.0.1", behind.front.port, ssl=context)
    writer.close()


async def test_older_tls_is_not_spoken(behind: Stand) -> None:
    """A client that knows nothing newer than TLS 1.1 is turned away."""
    context = trusting(behind.front)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", behind.front.port, ssl=context)


async def test_only_telegram_when_that_is_wanted(tmp_path: Path) -> None:
    """With telegram-only.conf beside it, updates from elsewhere are refused; people are not Telegram's business."""
    async with AsyncExitStack() as stack:
        behind = await stand(stack, tmp_path / "front", telegram_only=True)

        assert (await behind.ask("POST", "/telegram/7", headers=UPDATE, data=b"{}"))[0] == 403
        assert (await behind.ask("GET", "/console/"))[0] == 200


async def test_an_instance_that_is_slow_gets_less(tmp_path: Path) -> None:
    """Of least connections: whoever takes long is given less, which taking turns would not do."""

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.6)
        return web.Response(text="done")

    async with AsyncExitStack() as stack:
        behind = await stand(stack, tmp_path / "front", strategy="least-connections")
        behind.one.answer = slow
        some = asyncio.Semaphore(4)

        async def post() -> None:
            async with some:
                await behind.ask("POST", "/telegram/7", data=b"{}")

        await asyncio.gather(*(post() for _ in range(100)))

    assert len(behind.one.requests) < 30
    assert len(behind.two.requests) > 70


async def test_people_stay_where_they_are_and_may_go_elsewhere(tmp_path: Path) -> None:
    """Sticky: the cookie that nginx gives leads back to the same instance, and to another when that one is gone."""
    async with AsyncExitStack() as stack:
        behind = await stand(stack, tmp_path / "front", strategy="sticky")
        cookies = [await new_place(behind) for _ in range(40)]
        places = [await where(behind, cookie) for cookie in cookies]
        assert [await where(behind, cookie) for cookie in cookies] == places
        assert min(Counter(places).values()) >= 3
        assert len(places) == 40

        behind.front.balance("sticky", [behind.two.port, free_port()])
        answers = [await behind.ask("GET", "/console/", cookies={"gmbot_place": each}) for each in cookies]
        assert [status for status, _, _ in answers] == [200] * 40


async def new_place(behind: Stand) -> str:
    """Come for the first time; the cookie leads to the instance that answered."""
    before = len(behind.one.requests)
    _, _, answer = await behind.ask("GET", "/console/")
    came_to_one = len(behind.one.requests) > before
    cookie = answer.cookies["gmbot_place"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert await where(behind, cookie.value) is came_to_one
    return cookie.value


async def where(behind: Stand, cookie: str) -> bool:
    """Come again with the cookie; whether that led to the first server."""
    before = len(behind.one.requests)
    _, _, answer = await behind.ask("GET", "/console/groups", cookies={"gmbot_place": cookie})
    assert "gmbot_place" not in answer.cookies
    return len(behind.one.requests) > before


async def test_a_cookie_of_ones_own_making_is_replaced(behind: Stand) -> None:
    """Nobody chooses the key, or anything of the header, by a cookie."""
    _, _, answer = await behind.ask("GET", "/console/", cookies={"gmbot_place": "x" * 200})

    assert len(answer.cookies["gmbot_place"].value) == 32


def test_the_upstreams_of_the_compose_file_are_made() -> None:
    """The file that the containers use is what the script prints."""
    made = upstreams("round-robin", ["gmbot:8000"], resolver="127.0.0.11")

    assert DEPLOYED.read_text(encoding="utf-8") == made

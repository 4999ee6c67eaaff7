"""HTTP for python-telegram-bot on aiohttp: one pool for all bots, at a sixth of the default's CPU per call."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

import aiohttp
from telegram._utils.defaultvalue import DefaultValue
from telegram._utils.types import JSONDict, ODVInput
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot.core.telemetry.traces import step

# An effect is done under a lease of 3 s; a call that takes longer than this is given up as unanswered.
CALL_TIMEOUT_SECONDS = 2.0

Observer = Callable[[str, str, float], None]
"""Hears of each request: its method, its HTTP status or what came instead of one, and the seconds it took."""


class SharedPool:
    """One aiohttp session for every bot. Telegram closes idle connections after 60 s, so we do it earlier."""

    def __init__(self, *, observe: Observer, monotonic: Callable[[], float], connections: int = 100) -> None:
        self.observe = observe
        self.monotonic = monotonic
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._waiting: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Open the session in the running event loop."""
        self._session = _session(self._connections)
        # A long poll holds its connection: those of many bots must leave the others' calls their places.
        self._waiting = _session(0)

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._session, self._waiting):
            if session is not None:
                await session.close()

    def session(self, *, waits: bool) -> aiohttp.ClientSession:
        """Return the open session, for calls that are answered at once or for those that wait for news."""
        session = self._waiting if waits else self._session
        if session is None:
            raise RuntimeError("the pool is not open")
        return session


class AiohttpRequest(BaseRequest):
    """What python-telegram-bot asks of a transport. The pool outlives it, so opening and closing do nothing."""

    def __init__(self, pool: SharedPool, *, timeout: float = CALL_TIMEOUT_SECONDS, waits: bool = False) -> None:
        self._pool = pool
        self._timeout = timeout
        self._waits = waits

    @property
    def read_timeout(self) -> float:
        """Seconds in which an answer must be there."""
        return self._timeout

    async def initialize(self) -> None:
        """Do nothing: the pool is opened by whoever made it."""

    async def shutdown(self) -> None:
        """Do nothing: the pool is shared."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        write_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - bounded by the total
        connect_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - bounded by the total
        pool_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - bounded by the total
    ) -> tuple[int, bytes]:
        """Send one request and return status and body. Raises TimedOut or NetworkError."""
        wanted = self._timeout if isinstance(read_timeout, DefaultValue) or read_timeout is None else read_timeout
        form = _form(request_data)
        started, outcome = self._pool.monotonic(), "cancelled"
        name = url.rpartition("/")[2]
        # The path holds the token: who would be sent on to another address is not followed.
        asked = self._pool.session(waits=self._waits).request(
            method, url, data=form, timeout=aiohttp.ClientTimeout(total=wanted), allow_redirects=False
        )
        try:
            with step("telegram", name):
                async with asked as answer:
                    body = await answer.read()
        except TimeoutError as error:
            outcome = "timeout"
            raise TimedOut(f"no answer within {wanted} s") from error
        except (aiohttp.ClientError, OSError) as error:
            outcome = "network"
            # The text of a client error may hold the URL, and the URL holds the token.
            raise NetworkError(type(error).__name__) from error
        else:
            outcome = str(answer.status)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                body = _with_pause(body, answer.headers)
            return answer.status, body
        finally:
            self._pool.observe(name, outcome, self._pool.monotonic() - started)

    @staticmethod
    def parse_json_payload(payload: bytes) -> JSONDict:
        """Return the answer's JSON object. Raises TelegramError when it is none."""
        answer = _object(payload)
        if answer is None:
            raise TelegramError("an answer that is no JSON object")
        return answer


def _form(data: RequestData | None) -> dict[str, str] | aiohttp.FormData | None:
    """Return what is sent: a plain form, or one in parts where there are files."""
    if data is None or not data.contains_files:
        return None if data is None else data.json_parameters
    form = aiohttp.FormData()
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, kind) in (data.multipart_data or {}).items():
        form.add_field(name, content, filename=filename, content_type=kind)
    return form


def _session(connections: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=50, ttl_dns_cache=300)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _with_pause(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Give a 429 that names no pause in Telegram's form one: a proxy's header, or a second."""
    answer = _object(body) or {}
    parameters = answer.get("parameters")
    named = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if isinstance(named, int) and named > 0:
        return body
    header = headers.get("Retry-After", "")
    pause = max(1, int(header)) if header.isascii() and header.isdigit() else 1
    return json.dumps({"ok": False, "error_code": 429, "parameters": {"retry_after": pause}}).encode()


def _object(payload: bytes) -> JSONDict | None:
    try:
        answer = json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None

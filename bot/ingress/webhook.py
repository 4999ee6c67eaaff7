"""`POST /telegram/<bot_id>`: a raw ASGI callable, because this is the one route that is called for every message."""

import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence

from bot.domain.ids import BotId
from bot.ingress.receiver import Answer, Receiver

Scope = MutableMapping[str, object]
Event = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

PREFIX = "/telegram/"

# Telegram's largest update is 512 KiB (TDLib TQueue.cpp, MAX_EVENT_LENGTH).
_LARGEST_BODY = 1024 * 1024
_SECRET_HEADER = b"x-telegram-bot-api-secret-token"
# Whoever is refused before the body is read must not go on sending it: the server would have to swallow it all.
_CLOSE = (b"connection", b"close")
# Compared against for a bot that does not exist, so that its absence takes as long as a wrong secret.
_NOBODYS_SECRETS = (b"0" * 64,)

_ANSWERS: Mapping[Answer, tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]] = {
    Answer.DONE: (200, b"", ()),
    Answer.NOT_JSON: (400, b"the body is not a JSON object\n", ()),
    Answer.BUSY: (503, b"", ((b"retry-after", b"1"),)),
    Answer.FAILED: (503, b"", ()),
}


class _TooLargeError(Exception):
    """The body is larger than any update."""


class _HungUpError(Exception):
    """The caller left before the body was complete."""


class Webhook:
    """Answers Telegram. A 200 means: this update is done, or what it obliges us to is committed."""

    def __init__(self, *, receiver: Receiver, secrets: Mapping[BotId, Sequence[bytes]]) -> None:
        self._receiver = receiver
        self._secrets = secrets

    def addressee(self, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> BotId | None:
        """Return the bot that a request with this head is an authentic update for; None if it takes a closer look."""
        bot, given, length = _bot_id(target.decode("latin-1")), None, b""
        for name, value in headers:
            if name == _SECRET_HEADER:
                given = value if given is None else given
            elif name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                return None
        secrets = self._secrets.get(bot)
        if not secrets or given is None or not length.isdigit() or int(length) > _LARGEST_BODY:
            return None
        return bot if hmac.compare_digest(given, secrets[0]) else None

    def settles(self, bot: BotId, body: bytes) -> bool:
        """Whether an authentic update is done with a look into memory."""
        return self._receiver.passes(bot, body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        bot = _bot_id(str(scope["path"]))
        if scope["method"] != "POST":
            await _respond(
                send, 405, b"Telegram posts updates here; there is nothing to see.\n", ((b"allow", b"POST"), _CLOSE)
            )
        elif not self._authentic(bot, scope):
            await _respond(send, 403, b"the secret token is missing or wrong\n", (_CLOSE,))
        else:
            try:
                body = await _read(scope, receive)
            except _TooLargeError:
                await _respond(send, 413, b"no update is that large\n", (_CLOSE,))
                return
            except _HungUpError:
                return
            status, text, headers = _ANSWERS[await self._receiver.receive(bot, body)]
            await _respond(send, status, text, headers)

    def _authentic(self, bot: BotId, scope: Scope) -> bool:
        known = self._secrets.get(bot)
        headers = scope["headers"]
        given = b""
        if isinstance(headers, list):
            given = next((value for name, value in headers if name == _SECRET_HEADER), b"")
        fits = False
        # Two while a secret is being exchanged.
        for expected in known or _NOBODYS_SECRETS:
            fits |= hmac.compare_digest(given, expected)
        return fits and bool(known)


def _bot_id(path: str) -> BotId:
    tail = path.removeprefix(PREFIX)
    return BotId(int(tail)) if tail.isascii() and tail.isdigit() and len(tail) <= 20 else BotId(0)  # noqa: PLR2004 - 2**64 has 20 digits


async def _read(scope: Scope, receive: Receive) -> bytes:
    headers = scope["headers"]
    if isinstance(headers, list):
        length = next((value for name, value in headers if name == b"content-length"), b"0")
        if not length.isdigit() or int(length) > _LARGEST_BODY:
            raise _TooLargeError
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _HungUpError
        part = event.get("body", b"")
        if isinstance(part, bytes):
            size += len(part)
            parts.append(part)
        if size > _LARGEST_BODY:
            raise _TooLargeError
        if not event.get("more_body"):
            return b"".join(parts)


async def _respond(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})

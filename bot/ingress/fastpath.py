"""The short way for messages that the gate settles: answered in the HTTP parser's own callbacks.

The ASGI way around a decision of some microseconds, a scope, a task, an event and two messages, costs more than reading
the request and writing the answer. So a request that can be told, from its head, to be an authentic update is decided
on when its body is complete; only what needs a handler becomes an ASGI request. Whatever is unusual, too: a wrong
secret, no length, another protocol version, a pipeline behind an unfinished request.
"""

from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bot.domain.ids import BotId
from bot.ingress.webhook import Webhook

_DONE = b"HTTP/1.1 200 OK\r\n%bcontent-length: 0\r\n\r\n"


class FastPath(HttpToolsProtocol):
    """One connection of Telegram, nginx or anybody."""

    def __init__(self, webhook: Webhook, **arguments: Any) -> None:  # noqa: ANN401 - uvicorn's own, passed through
        super().__init__(**arguments)
        self._webhook = webhook
        headers = (b"%b: %b\r\n" % header for header in self.config.encoded_headers)
        self._done = _DONE % b"".join(headers)
        self._bot: BotId | None = None
        self._parts: list[bytes] = []

    def on_message_begin(self) -> None:
        """Begin a request; its scope is made when somebody will read it."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._bot = None

    def on_headers_complete(self) -> None:
        """Choose the way."""
        if self._is_plain():
            self._bot = self._webhook.addressee(self.url, self.headers)
        if self._bot is None:
            self._begin_asgi()
        else:
            self._parts = []

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; the parser ends it where the length in the head says."""
        if self._bot is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Answer what the gate settles; hand everything else on."""
        bot = self._bot
        if bot is not None and not self.flow.write_paused and self._webhook.settles(bot, b"".join(self._parts)):
            self._bot = None
            self.transport.write(self._done)
            self.on_response_complete()
            return
        if bot is not None:
            self._hand_on()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Let a request whose body is still on its way be answered before the connection ends."""
        if self._bot is not None:
            self._hand_on()
        super().shutdown()

    def _is_plain(self) -> bool:
        """Whether nothing about the request or the connection asks for more than an answer."""
        last = cast("RequestResponseCycle | None", self.cycle)
        return (
            (last is None or last.response_complete)
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
        )

    def _hand_on(self) -> None:
        """Make an ASGI request of what has arrived so far."""
        self._bot = None
        self._begin_asgi()
        for part in self._parts:
            super().on_body(part)

    def _begin_asgi(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()


def fast_protocol(webhook: Webhook) -> type[HttpToolsProtocol]:
    """Return what uvicorn makes a connection's protocol with."""
    return cast("type[HttpToolsProtocol]", partial(FastPath, webhook))

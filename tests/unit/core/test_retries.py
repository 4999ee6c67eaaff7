"""What each end of a call means: an answer, a refusal, a pause or silence; who repeats it, and when."""

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.core.telegram.bans import Bans
from bot.core.telegram.bots import make_bot
from bot.core.telegram.circuit import Circuits
from bot.core.telegram.client import TelegramClient
from bot.core.telegram.demand import Limits, Priority
from bot.core.telegram.gateway import Gateway
from bot.core.telegram.own_budget import OwnBudget
from bot.core.telegram.telemetry import Telemetry
from bot.core.telegram.transport import SharedPool
from bot.domain.errors import (
    ChatMovedError,
    TelegramError,
    TelegramPausedError,
    TelegramRefusedError,
    TelegramUnavailableError,
    TokenRefusedError,
)
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, UserId
from bot.domain.membership import Membership
from bot.domain.message import Outgoing
from bot.domain.secret import Secret
from tests.fakes.budget import LoneBudget

BOT, NEWS, USER, GROUP = BotId(7), ChannelId(-100), UserId(5), GroupId(-200)
MESSAGES = (MessageId(1), MessageId(2))
LIMITS = Limits(per_second=25, per_chat=20, bulk=5)

Write = Callable[[asyncio.StreamWriter], None]


def answering(status: int, body: bytes, *headers: str) -> Write:
    """Answer in plain HTTP."""
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close", *headers]

    def write(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return write


def refusal(status: int, description: str, **parameters: object) -> bytes:
    """Write what Telegram writes when it does not do what it was asked."""
    answer = {"ok": False, "error_code": status, "description": description}
    return json.dumps(answer | ({"parameters": parameters} if parameters else {})).encode()


@dataclass
class Api:
    """A server in Telegram's place that answers each request as it is told, and a client of it."""

    write: Write = field(default_factory=lambda: answering(200, b'{"ok":true,"result":true}'))
    requests: int = 0
    waiting: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        await reader.readexactly(length)
        self.requests += 1
        await asyncio.sleep(self.waiting)
        self.write(writer)
        writer.close()


class RealTime:
    """The clock, with a way round: what is slept is added and not waited for."""

    def __init__(self) -> None:
        self.skipped = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.skipped += seconds


@dataclass
class Line:
    """The whole way from a client to the server."""

    api: Api
    clock: RealTime
    circuits: Circuits
    telemetry: Telemetry
    client: TelegramClient


@asynccontextmanager
async def line(*, give_up_after: float = 2.0) -> AsyncIterator[Line]:
    api, clock = Api(), RealTime()
    circuits = Circuits(monotonic=clock.monotonic)
    telemetry = Telemetry(open_circuits=circuits.open, shared=lambda: False)
    pool = SharedPool(observe=telemetry.request, monotonic=time.monotonic)
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    await pool.open()
    try:
        port = server.sockets[0].getsockname()[1]
        bot = make_bot(Secret("7:TOKEN"), api_url=f"http://127.0.0.1:{port}", pool=pool, timeout=give_up_after)
        budget = LoneBudget(OwnBudget(limits=LIMITS, monotonic=clock.monotonic))
        gateway = Gateway(bots={BOT: bot}, budget=budget, circuits=circuits, telemetry=telemetry, clock=clock)
        yield Line(
            api, clock, circuits, telemetry, TelegramClient(gateway, priority=Priority.PRESS, patience=1.0, bans=Bans())
        )
    finally:
        await pool.close()
        server.close()


@pytest.fixture
async def way() -> AsyncIterator[Line]:
    async with line() as one:
        yield one


async def delete(way: Line) -> None:
    """Make a call of which nothing but its end matters."""
    await way.client.delete_messages(BOT, GROUP, MESSAGES)


async def end_of(call: Awaitable[object]) -> TelegramError | None:
    """Return what a call raised."""
    try:
        await call
    except TelegramError as error:
        return error
    return None


HTML = b"<html><body>502 Bad Gateway</body></html>"
REFUSING = (400, 401, 403, 404, 409)
SILENT = (500, 502, 503, 504, 418, 301, 599)
NO_JSON_OBJECT = {
    "HTML": HTML,
    "empty": b"",
    "cut off": b'{"ok":false,"descr',
    "a list": b"[1]",
    "not UTF-8": b"\xff\xfe",
}


@pytest.mark.parametrize("status", REFUSING)
async def test_telegrams_no_is_a_refusal(way: Line, status: int) -> None:
    """A 400, 401, 403, 404 or 409 in Telegram's form: asking again would bring the same."""
    way.api.write = answering(status, refusal(status, "No: not like that"))

    assert isinstance(await end_of(delete(way)), TelegramRefusedError)
    assert way.api.requests == 1


async def test_a_refused_token_tells_nothing_of_anybody(way: Line) -> None:
    """A 401 is no answer about a chat: nothing may follow from it for its members."""
    way.api.write = answering(401, refusal(401, "Unauthorized"))
    error = await end_of(delete(way))

    assert isinstance(error, TokenRefusedError)
    assert isinstance(error, TelegramUnavailableError)
    assert not isinstance(error, TelegramRefusedError)


async def test_a_refused_token_stands_in_no_trace(way: Line) -> None:
    """The library's own error names it, and a trace shows what an error came of."""
    way.api.write = answering(401, refusal(401, "Unauthorized"))
    error = await end_of(way.client.introduce(BOT))

    assert isinstance(error, TokenRefusedError)
    assert "TOKEN" not in "".join(traceback.format_exception(error))


async def test_a_refused_token_is_known_from_polling_alone(way: Line) -> None:
    """Whatever the library makes of a 401 there, also after it has learned who the bot is."""
    for said in (refusal(401, "Unauthorized"), refusal(404, "Not Found")):
        way.api.write = answering(json.loads(said)["error_code"], said)
        error = await end_of(way.client.updates(BOT, offset=0, seconds=0, allowed=("message",)))

        assert isinstance(error, TokenRefusedError) == (b"401" in said)
        assert "Endpoint" not in str(error)


@pytest.mark.parametrize("status", [*REFUSING, *SILENT])
@pytest.mark.parametrize("form", NO_JSON_OBJECT)
async def test_what_is_not_telegrams_form_is_silence(way: Line, status: int, form: str) -> None:
    """Whatever the status: a page of something in between says nothing of what Telegram thinks."""
    way.api.write = answering(status, NO_JSON_OBJECT[form])
    error = await end_of(delete(way))

    assert isinstance(error, TelegramUnavailableError)
    assert error.retry_after is None
    assert len(str(error)) < 300


@pytest.mark.parametrize("status", SILENT)
async def test_a_failing_server_is_silence(way: Line, status: int) -> None:
    """A 5xx in Telegram's form, and any status that Telegram does not use, leaves open what was done."""
    way.api.write = answering(status, refusal(status, "Internal Server Error"))

    error = await end_of(delete(way))

    assert isinstance(error, TelegramUnavailableError)
    assert not error.nothing_done


@pytest.mark.parametrize(
    "body",
    [
        *NO_JSON_OBJECT.values(),
        b"{}",
        b'{"ok":true}',
        b"null",
        b'"yes"',
        b'{"ok":true,"result":"nonsense"}',
        b'{"result":7}',
    ],
)
async def test_an_unreadable_success_is_silence(way: Line, body: bytes) -> None:
    """The status is 200 and the answer makes no sense: the membership is unknown, and nothing breaks."""
    way.api.write = answering(200, body)

    assert await way.client.membership(BOT, NEWS, USER) is Membership.UNKNOWN
    assert isinstance(await end_of(way.client.member_state(BOT, GROUP, USER)), TelegramUnavailableError)
    assert isinstance(await end_of(way.client.send(BOT, GROUP, Outgoing("hello"))), TelegramUnavailableError)


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        (refusal(429, "Too Many Requests: retry after 9", retry_after=9), (), 9),
        (refusal(429, "Too Many Requests: retry after 9", retry_after=9), ("Retry-After: 4",), 9),
        (refusal(429, "Too Many Requests"), (), 1),
        (refusal(429, "Too Many Requests"), ("Retry-After: 4",), 4),
        (refusal(429, "Too Many Requests", retry_after=0), (), 1),
        (refusal(429, "Too Many Requests", retry_after="soon"), ("Retry-After: later",), 1),
        (HTML, ("Retry-After: 3",), 3),
        (HTML, (), 1),
        (b"", (), 1),
    ],
)
async def test_every_429_is_a_pause(way: Line, body: bytes, headers: tuple[str, ...], seconds: float) -> None:
    """Telegram's figure counts, else a proxy's header, else a second; until then nothing is sent."""
    way.api.write = answering(429, body, *headers)
    error = await end_of(delete(way))
    again = await end_of(way.client.at(Priority.PRESS, patience=0).delete_messages(BOT, GROUP, MESSAGES))

    assert isinstance(error, TelegramPausedError)
    assert (error.retry_after, error.nothing_done) == (seconds, True)
    assert isinstance(again, TelegramPausedError)
    assert again.nothing_done
    assert seconds - 0.5 < again.retry_after <= seconds
    assert way.api.requests == 1


async def test_a_budget_that_is_used_up_is_a_pause(way: Line) -> None:
    """Nothing was sent and nothing has failed: it is not counted among what Telegram did not answer."""
    way.api.write = answering(200, b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":-200,"type":"group"}}}')
    errors = [await end_of(way.client.send(BOT, GROUP, Outgoing("hello"))) for _ in range(LIMITS.per_chat + 1)]

    assert errors[:-1] == [None] * LIMITS.per_chat
    assert isinstance(errors[-1], TelegramPausedError)
    assert way.api.requests == LIMITS.per_chat


async def test_a_group_that_moved_names_its_new_id(way: Line) -> None:
    """The refusal that a group became a supergroup tells where it is now."""
    way.api.write = answering(400, refusal(400, "Bad Request: upgraded", migrate_to_chat_id=-1009))
    error = await end_of(delete(way))

    assert isinstance(error, ChatMovedError)
    assert error.new_id == -1009


async def test_a_cut_connection_is_silence(way: Line) -> None:
    """Reset before the answer, in its head or in its body."""
    for start in (b"", b"HTTP/1.1 200 OK\r\nContent-Le", b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"ok":true'):

        def cut(writer: asyncio.StreamWriter, start: bytes = start) -> None:
            writer.write(start)

        way.api.write = cut
        assert isinstance(await end_of(delete(way)), TelegramUnavailableError)


async def test_no_answer_in_time_is_silence() -> None:
    """A call is given up before the lease it is made under ends."""
    async with line(give_up_after=0.2) as way:
        way.api.waiting = 0.5
        error = await end_of(delete(way))
        await asyncio.sleep(0.4)

    assert isinstance(error, TelegramUnavailableError)
    assert error.retry_after is None


@pytest.mark.parametrize(
    "write",
    [answering(500, HTML), answering(400, refusal(400, "Bad Request")), answering(429, HTML), answering(200, b"")],
)
async def test_the_way_repeats_nothing(way: Line, write: Write) -> None:
    """A message that may have been sent is not sent again here: only who holds the lease knows what to repeat."""
    way.api.write = write
    await end_of(way.client.send(BOT, GROUP, Outgoing("hello")))

    assert way.api.requests == 1


async def test_a_token_is_in_no_error(way: Line) -> None:
    """The address of a request holds the token; errors go to logs."""
    way.api.write = lambda writer: writer.transport.abort()
    error = await end_of(delete(way))

    assert "TOKEN" not in repr(error)
    assert error is not None
    assert "TOKEN" not in repr(error.__cause__)


async def test_a_circuit_opens_after_five_silences(way: Line) -> None:
    """Then calls end at once: the membership is unknown, an effect is told when the next probe is due."""
    way.api.write = answering(502, HTML)
    for _ in range(5):
        await end_of(delete(way))
    error = await end_of(delete(way))
    membership = await way.client.membership(BOT, NEWS, USER)

    assert way.api.requests == 5
    assert isinstance(error, TelegramUnavailableError)
    assert error.retry_after == pytest.approx(1, abs=0.5)
    assert membership is Membership.UNKNOWN
    assert way.circuits.open("bot") == 1


async def test_a_probe_closes_the_circuit(way: Line) -> None:
    """One call goes through after the pause; when it is answered all do."""
    way.api.write = answering(502, HTML)
    for _ in range(5):
        await end_of(delete(way))
    way.clock.skipped += 1.1
    way.api.write = answering(400, refusal(400, "Bad Request: message to delete not found"))
    ends = [await end_of(delete(way)) for _ in range(3)]

    assert all(isinstance(error, TelegramRefusedError) for error in ends)
    assert way.circuits.open("bot") == 0


async def test_only_one_probe_at_a_time(way: Line) -> None:
    """While the probe is under way everybody else is told to wait."""
    way.api.write = answering(502, HTML)
    for _ in range(5):
        await end_of(delete(way))
    way.clock.skipped += 1.1
    way.api.waiting = 0.1
    await asyncio.gather(*(end_of(delete(way)) for _ in range(10)))

    assert way.api.requests == 6


async def test_calls_that_fail_together_open_it_once(way: Line) -> None:
    """Thirty calls under way when the server went silent are one outage: the first probe comes after a second."""
    way.api.write = answering(502, HTML)
    way.api.waiting = 0.1
    await asyncio.gather(*(end_of(delete(way)) for _ in range(30)))

    assert way.circuits.wait([("bot", BOT, 0)]) == pytest.approx(1, abs=0.5)


async def test_probes_that_fail_come_less_often(way: Line) -> None:
    """The pauses double, up to half a minute."""
    way.api.write = answering(502, HTML)
    for _ in range(5):
        await end_of(delete(way))
    pauses = []
    for _ in range(7):
        way.clock.skipped += 31
        await end_of(delete(way))
        pauses.append(round(way.circuits.wait([("bot", BOT, 0)])))

    assert pauses == [2, 4, 8, 16, 30, 30, 30]


async def test_pauses_and_refusals_open_no_circuit(way: Line) -> None:
    """Telegram that says no, or later, is there."""
    for status in (400, 403, 429, 400, 403, 429, 400, 403):
        way.api.write = answering(status, refusal(status, "No"))
        await end_of(delete(way))
        way.clock.skipped += 60

    assert way.api.requests == 8
    assert way.circuits.open("bot") == 0


async def test_a_silent_channel_has_a_circuit_of_its_own(way: Line) -> None:
    """Other calls are answered in between: the bot goes on, and only that channel's questions end at once."""
    member = b'{"ok":true,"result":{"status":"left","user":{"id":5,"is_bot":false,"first_name":"Sam"}}}'
    for _ in range(6):
        way.api.write = answering(502, HTML)
        await way.client.membership(BOT, NEWS, USER)
        way.api.write = answering(200, member)
        assert await way.client.membership(BOT, ChannelId(-101), USER) is Membership.ABSENT
    before = way.api.requests
    answer = await way.client.membership(BOT, NEWS, USER)

    assert (way.circuits.open("channel"), way.circuits.open("bot")) == (1, 0)
    assert way.api.requests == before
    assert answer is Membership.UNKNOWN


async def test_a_crowd_before_a_silent_channel_leaves_the_bot_alone(way: Line) -> None:
    """However many questions about one channel stay unanswered in a row; silence about many opens the bot's circuit."""
    way.api.write = answering(502, HTML)
    way.api.waiting = 0.05
    await asyncio.gather(*(way.client.membership(BOT, NEWS, UserId(number)) for number in range(30)))
    after_one = way.circuits.open("channel"), way.circuits.open("bot")
    for number in range(4):
        await way.client.membership(BOT, ChannelId(-200 - number), USER)

    assert after_one == (1, 0)
    assert way.circuits.open("bot") == 1


async def test_a_call_waits_for_its_budget_no_longer_than_it_may(way: Line) -> None:
    """A second for a press; what would take longer is put off, and told until when."""
    way.api.write = answering(403, refusal(403, "Forbidden: bot was blocked by the user"))
    for _ in range(3):
        await end_of(way.client.send(BOT, 5, Outgoing("hello")))
    error = await end_of(way.client.send(BOT, 5, Outgoing("hello")))
    await end_of(way.client.at(Priority.BULK, patience=30).send(BOT, 5, Outgoing("hello")))

    assert isinstance(error, TelegramUnavailableError)
    assert error.retry_after is not None
    assert 1 < error.retry_after < 3.2
    assert way.api.requests == 4
    assert way.clock.slept[0] == pytest.approx(error.retry_after, abs=0.5)


async def test_what_is_counted(way: Line) -> None:
    """Requests by method and code, their durations, the seconds of pauses, waits and refusals by class."""
    for status, body in (
        (200, b'{"ok":true,"result":true}'),
        (429, refusal(429, "Too Many", retry_after=3)),
        (500, HTML),
    ):
        way.api.write = answering(status, body)
        await end_of(delete(way))
        way.clock.skipped += 10
    way.api.write = lambda writer: writer.transport.abort()
    await end_of(delete(way))
    way.api.write = answering(403, refusal(403, "Forbidden"))
    for _ in range(4):
        await end_of(way.client.send(BOT, 5, Outgoing("hello")))
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in way.telemetry.collect()
        for sample in metric.samples
    }

    codes = {key[2]: value for key, value in samples.items() if key[0] == "gmbot_telegram_requests_total"}
    duration = "gmbot_telegram_request_duration_seconds"
    assert codes == {"200": 1, "429": 1, "500": 1, "network": 1, "403": 3}
    assert samples[f"{duration}_bucket", "deleteMessages", "+Inf"] == 4
    assert samples[f"{duration}_count", "deleteMessages"] == 4
    assert 0 < samples[f"{duration}_sum", "deleteMessages"] < 4
    assert samples[("gmbot_telegram_retry_after_seconds_total",)] == 3
    assert samples["gmbot_budget_refusals_total", "press"] == 1
    assert samples["gmbot_circuit_state", "bot"] == 0

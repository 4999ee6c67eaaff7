"""Runs Bot API calls: finds the bot and the method, lets faults strike, records, and words the answer."""

import inspect
import re
from dataclasses import dataclass, replace

import msgspec

from .args import Args, read_args
from .backend import Backend
from .clock import wait
from .errors import ApiError, NotAllowed
from .faults import Fault
from .methods import METHODS, Described, MethodCall
from .model import Bot, JsonObject
from .record import Call

_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{3,}\Z")
NOT_IN_WEBHOOK_ANSWERS = frozenset({"", "deletewebhook", "setwebhook", "close", "logout"})
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way out; `is_dropped` closes the connection instead."""

    status: int
    body: bytes
    retry_after: int | None = None
    is_dropped: bool = False


class BotApi:
    """The Bot API of one simulated world."""

    def __init__(self, *, backend: Backend) -> None:
        self._backend = backend

    async def handle(self, path: str, query: str, content_type: str, body: bytes) -> Reply:
        """Answer `/bot<token>/<method>`."""
        token, _, method = path.removeprefix("/bot").partition("/")
        method = method.removeprefix("test/")
        try:
            args = read_args(query, content_type, body)
        except ApiError as error:
            return _failure(error)
        if not _TOKEN.match(token):
            return _failure(ApiError("Unauthorized: invalid token specified", code=401))
        bot = self._backend.world.bot_by_token(token)
        if bot is None:
            return _failure(ApiError("Unauthorized", code=401))
        return await self.run(bot, method or args.take("method"), args)

    async def run_webhook_answer(self, bot: Bot, content_type: str, body: bytes) -> None:
        """Run the method in a webhook's answer, if there is one and it may stand there."""
        try:
            args = read_args("", content_type, body)
        except ApiError:
            return
        method = args.take("method").lower()
        if method not in NOT_IN_WEBHOOK_ANSWERS and not method.startswith("get"):
            await self.run(bot, method, args)

    async def run(self, bot: Bot, method: str, args: Args) -> Reply:
        """Run one call and record it."""
        name = METHODS[method.lower()][0] if method.lower() in METHODS else method
        record = self._backend.record
        call = record.begin(at=self._backend.clock.now(), bot_id=bot.id, method=name, params=args.recorded())
        try:
            return await self._run(bot, call, args)
        finally:
            record.end(call, at=self._backend.clock.now())

    async def _run(self, bot: Bot, call: Call, args: Args) -> Reply:
        chat = self._chat_id(call.params)
        faults = self._backend.faults.strike(bot=bot.id, method=call.method, chat=chat, params=call.params)
        last: Fault | None = None
        for fault in faults:
            call.fault = fault.kind
            if fault.kind == "delay":
                await self._delay(fault.seconds)
            else:
                last = fault
        if last is not None and last.kind == "drop":
            return Reply(0, b"", is_dropped=True)
        try:
            self._strike(last)
            self._backend.flood.check(bot=bot.id, method=call.method, chat=chat, now=self._backend.clock.now())
            if last is not None and last.kind == "lie":
                result = last.result
            else:
                result = await self._result(MethodCall(bot, args, self._backend), call.method)
        except ApiError as error:
            call.status, call.error, call.retry_after = error.code, error.description, error.retry_after
            reply = _failure(error)
        else:
            value, extra = (result.result, result.description) if isinstance(result, Described) else (result, None)
            call.status, call.result = 200, value
            reply = _success(value, extra)
        return replace(reply, is_dropped=True) if last is not None and last.kind == "lose_answer" else reply

    def _chat_id(self, params: JsonObject) -> int | None:
        """Return the id of the chat a call is about, also where the call names it."""
        named = params.get("chat_id")
        if isinstance(named, str):
            chat = self._backend.world.public_chat(named)
            return None if chat is None else chat.id
        return named if isinstance(named, int) else None

    async def _delay(self, seconds: float) -> None:
        """Sleep by the simulator's clock, but not beyond its end."""
        record, clock = self._backend.record, self._backend.clock
        until = clock.now() + seconds
        event = record.subscribe()
        try:
            while clock.now() < until and not record.is_closing:
                await wait(clock, event, until)
        finally:
            record.unsubscribe(event)

    @staticmethod
    def _strike(fault: Fault | None) -> None:
        if fault is not None and fault.kind == "flood":
            raise ApiError.flood(fault.retry_after)
        if fault is not None and fault.kind == "error":
            raise ApiError(fault.description, code=fault.code)

    async def _result(self, call: MethodCall, method: str) -> object:
        entry = METHODS.get(method.lower())
        if entry is None:
            raise ApiError("Not Found: method not found", code=404)
        try:
            result = entry[1](call)
        except NotAllowed as error:
            raise ApiError.bad_request(str(error)) from error
        return await result if inspect.isawaitable(result) else result


def _success(result: object, description: str | None) -> Reply:
    body: JsonObject = {"ok": True, "result": result}
    if description is not None:
        body["description"] = description
    return Reply(200, msgspec.json.encode(body))


def _failure(error: ApiError) -> Reply:
    body: JsonObject = {"ok": False, "error_code": error.code, "description": error.description}
    if error.retry_after is not None:
        body["parameters"] = {"retry_after": error.retry_after}
    elif error.migrate_to is not None:
        body["parameters"] = {"migrate_to_chat_id": error.migrate_to}
    retry_after = error.retry_after if error.code == TOO_MANY_REQUESTS else None
    return Reply(error.code, msgspec.json.encode(body), retry_after)

"""What tests of the simulator and with it share: the `sim` fixture, a bot's client, a webhook, checks of every object.

Two models of the Bot API judge: aiogram's (10.3: required fields, types, no unknown name) and python-telegram-bot's
(10.0).
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args

import aiogram.methods
import aiohttp
import pytest
import telegram
from aiogram.types import TelegramObject, Update
from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from bot.simulator import Bot, Call, Clock, FloodLimits, Simulator, SystemClock

Json = dict[str, Any]

# Fields of Bot API 10.1 to 10.3, which python-telegram-bot 22.8 keeps without knowing them.
NEWER_THAN_PTB = frozenset(
    {
        "receiver_user",
        "ephemeral_message_id",
        "query_id",
        "supports_join_request_queries",
        "can_send_welcome_messages",
        "is_ephemeral",
        "disabled",
        "guard_bot",
        "community",
    }
)
# What aiogram still takes beside the fields of Bot API 10.3, from versions long ago.
LEGACY = frozenset(
    {
        "forward_date",
        "forward_from",
        "forward_from_chat",
        "forward_from_message_id",
        "forward_sender_name",
        "forward_signature",
        "user_shared",
    }
)

PERMISSIONS = (
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
)
"""Everything that may be granted to or taken from a member: ChatPermissions of Bot API 10.3."""


def assert_valid_update(update: Mapping[str, object]) -> None:
    """Check one update against both models."""
    _assert_valid(TypeAdapter(Update), dict(update))
    _assert_known_to_ptb(telegram.Update.de_json(json.loads(json.dumps(update)), None), "update")


def assert_valid_result(method: str, value: object) -> None:
    """Check what a method returned against both models."""
    returned = _method_class(method).__returning__
    _assert_valid(TypeAdapter(returned), value)
    for name in _class_names(returned):
        ptb_class = getattr(telegram, name, None)
        for each in value if isinstance(value, list) else [value]:
            if ptb_class is not None and isinstance(each, dict):
                _assert_known_to_ptb(ptb_class.de_json(json.loads(json.dumps(each)), None), name)
                return


def assert_calls_valid(calls: Iterable[Call]) -> None:
    """Check that every call names a method of Bot API 10.3 with its required fields and no unknown or retired one."""
    for call in calls:
        model = _method_class(call.method)
        retired = {name for name in call.params if _is_retired(model, name)}
        assert not retired, f"{call.method} was called with retired fields {sorted(retired)}"
        try:
            parsed = model.model_validate(call.params)
        except ValidationError as error:
            raise AssertionError(f"{call.method} was called with {call.params}: {error}") from None
        unknown = list(_unknown_fields(parsed, call.method))
        assert not unknown, f"{call.method} was called with unknown fields {unknown}"


def assert_all_valid(simulator: Simulator) -> None:
    """Check every update created, every result given and every call taken."""
    for bot in simulator.bots:
        for update in simulator.updates(bot):
            assert_valid_update(update)
    for call in simulator.calls:
        if call.status == 200 and call.fault != "lie":
            assert_valid_result(call.method, call.result)
    assert_calls_valid(simulator.calls)


def _method_class(method: str) -> type[aiogram.methods.TelegramMethod[object]]:
    model = getattr(aiogram.methods, method[:1].upper() + method[1:], None)
    assert model is not None, f"there is no method {method}"
    return model  # type: ignore[no-any-return]  # a class found by its name


def _is_retired(model: type[BaseModel], name: str) -> bool:
    info = model.model_fields.get(name)
    extra = None if info is None else info.json_schema_extra
    return isinstance(extra, dict) and extra.get("deprecated") is True


def _assert_valid(adapter: "TypeAdapter[object]", value: object) -> None:
    try:
        parsed = adapter.validate_python(value)
    except ValidationError as error:
        raise AssertionError(f"{value} is not as the Bot API has it: {error}") from None
    unknown = list(_unknown_fields(parsed, ""))
    assert not unknown, f"{value} has unknown fields {unknown}"
    # A value that was bent into its type would come back different. As text, for 0 equals False.
    dumped = adapter.dump_python(parsed, mode="json", by_alias=True, exclude_unset=True)
    assert json.dumps(dumped, sort_keys=True) == json.dumps(value, sort_keys=True)


def _unknown_fields(value: object, path: str) -> Iterator[str]:
    """Yield the fields that the model does not know, at any depth."""
    if isinstance(value, list):
        for each in value:
            yield from _unknown_fields(each, path)
    elif isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or {})
        for name in value.model_fields_set:
            if name in LEGACY and isinstance(value, TelegramObject):
                yield f"{path}.{name}"
            yield from _unknown_fields(getattr(value, name), f"{path}.{name}")


def _class_names(annotation: object) -> list[str]:
    """Return the names of the classes in an annotation such as `list[A | B]`, as python-telegram-bot calls them."""
    inner = get_args(annotation)
    if inner:
        return [name for each in inner for name in _class_names(each)]
    name = getattr(annotation, "__name__", "")
    # Its base classes choose the variant.
    return [next((base for base in ("ChatMember", "MenuButton") if name.startswith(base)), name)]


def _assert_known_to_ptb(value: object, path: str) -> None:
    """Walk a parsed object: nothing may have been left over anywhere."""
    if isinstance(value, (list, tuple)):
        for each in value:
            _assert_known_to_ptb(each, path)
    elif isinstance(value, telegram.TelegramObject):
        left_over = set(value.api_kwargs) - NEWER_THAN_PTB
        assert not left_over, f"{path} has fields unknown to python-telegram-bot: {sorted(left_over)}"
        for name in _slots(type(value).__mro__):
            if name != "api_kwargs" and not name.startswith("_"):
                _assert_known_to_ptb(getattr(value, name, None), f"{path}.{name}")


@cache
def _slots(classes: tuple[type, ...]) -> tuple[str, ...]:
    return tuple(name for each in classes for name in getattr(each, "__slots__", ()))


@pytest.fixture
def sim_clock() -> Clock:
    """Return the simulator's clock; a test module overrides this to move time."""
    return SystemClock()


@pytest.fixture
def flood_limits() -> FloodLimits | None:
    """Return how much the simulator lets a bot send; by default all it likes."""
    return None


@pytest.fixture
async def sim(sim_clock: Clock, flood_limits: FloodLimits | None) -> AsyncIterator[Simulator]:
    """Serve a simulator and check at the end that everything in and out was valid Bot API."""
    simulator = Simulator(clock=sim_clock, seed=1, flood_limits=flood_limits)
    async with simulator.serving():
        yield simulator
    assert_all_valid(simulator)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said to one call."""

    status: int
    headers: Mapping[str, str]
    body: Json

    @property
    def result(self) -> object:
        """The result, for calls that are expected to succeed."""
        assert self.body.get("ok") is True, self.body
        return self.body["result"]

    @property
    def fields(self) -> Json:
        """The result, where it is an object."""
        assert isinstance(self.result, dict)
        return self.result

    @property
    def error(self) -> object:
        """The description, for calls that are expected to fail."""
        assert self.body.get("ok") is False, self.body
        return self.body["description"]


class BotClient:
    """A bot that calls the API as plainly as possible: urlencoded, nested values as JSON text."""

    def __init__(self, *, session: aiohttp.ClientSession, url: str, bot: Bot) -> None:
        self.session = session
        self.bot = bot
        self.url = url

    async def __call__(self, method: str, **params: object) -> Answer:
        """Call a method."""
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
        async with self.session.post(f"{self.url}/bot{self.bot.token}/{method}", data=form) as response:
            return Answer(response.status, dict(response.headers), await response.json())


@asynccontextmanager
async def client_of(simulator: Simulator, bot: Bot) -> AsyncIterator[BotClient]:
    """Give a client for one bot."""
    async with aiohttp.ClientSession() as session:
        yield BotClient(session=session, url=simulator.url, bot=bot)


@dataclass(slots=True)
class Received:
    """One delivery as the webhook saw it."""

    headers: Mapping[str, str]
    raw: bytes
    update: Json

    @property
    def kind(self) -> str:
        """The update's kind."""
        return next(name for name in self.update if name != "update_id")


Respond = Callable[[Received], Awaitable[web.Response]]


async def _ok(received: Received) -> web.Response:
    del received
    return web.Response()


@dataclass(slots=True)
class WebhookSink:
    """A real HTTP server in the bot's place; `respond` may be exchanged at any time."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    respond: Respond = _ok

    async def handle(self, request: web.Request) -> web.Response:
        """Take one delivery."""
        raw = await request.read()
        received = Received(dict(request.headers), raw, json.loads(raw))
        self.received.append(received)
        return await self.respond(received)

    @property
    def kinds(self) -> list[str]:
        """The kinds of what was received, in order."""
        return [each.kind for each in self.received]


@asynccontextmanager
async def webhook_sink() -> AsyncIterator[WebhookSink]:
    """Listen on a free port."""
    sink = WebhookSink()
    application = web.Application()
    application.router.add_post("/hook", sink.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        sink.url = f"http://127.0.0.1:{port}/hook"
        yield sink
    finally:
        await runner.cleanup()

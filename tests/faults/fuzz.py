"""Inputs that nobody would send, by the million: `make fuzz`, and `make chaos` after it killed enough.

Broken updates go through the webhook, the gate and the handlers; broken requests through the whole API; broken button
data through what reads it. Everything around them is fake, so that only what reads input is tried. A crash is an
exception that nobody expected, or a status that the contract does not know. Exit status 1 after the first hundred.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import quote, unquote

import structlog
from rich.progress import Progress
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from telegram import Bot
from telegram.request import BaseRequest

from bot.core.texts import load_catalogs
from bot.domain.api import Answered, ApiToken, Scope
from bot.domain.errors import NotFoundError
from bot.domain.ids import BotId, CaseId
from bot.handlers import build_dispatcher
from bot.handlers.panel import ticket
from bot.ingress.gate import Gate
from bot.ingress.receiver import Receiver
from bot.ingress.webhook import Event, Webhook
from bot.services.membership.warmer import Warmer
from bot.services.operating.api_access import ApiAccess
from bot.web import Desk, Web, build_web
from bot.web.api import api_routes
from bot.web.refusals import Refusal
from tests.faults.stage import Note
from tests.kits.mutations import NASTY, Mutator
from tests.kits.use_cases import use_cases
from tests.kits.world import ADMIN, BOT, GROUP, MEMBER, NEWS, STRANGER, World

_SECRET = b"s" * 32
_MOST_CRASHES = 100
# A world remembers every update; it is made anew before that matters.
_UPDATES_A_WORLD = 2_000
_STATUSES = frozenset({200, 400, 403, 405, 413, 503})
_API_STATUSES = frozenset({200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 413, 422, 503, 307})
_TOKEN = "gmbot_" + "a" * 43
_FILTERS = ("limit", "cursor", "bot", "search", "chat", "kind", "user")
_PATHS = (
    "/bots",
    "/bots/gate",
    "/bots/1/groups/-1001",
    "/bots/1/groups/-1/messages",
    "/groups",
    "/audit",
    "/events",
    "/letters/replay",
    "/restrictions",
    "/warmings/x",
    "/bots/1/groups/-1001/users/5",
    "/bots/1/webhook",
    "/doctor",
    "/hours",
    "/scheduled",
    "/bots/1/disable",
    "/openapi.json",
)

_USER = {"id": STRANGER, "is_bot": False, "first_name": "Sam", "username": "sam", "language_code": "de"}
_CHAT = {"id": GROUP, "type": "supergroup", "title": "Lounge", "username": "lounge"}
_MESSAGE = {"message_id": 7, "date": 1_790_000_000, "chat": _CHAT, "from": _USER, "text": "hello"}
_COMMANDS = (
    "/protect @gm_news",
    "/status",
    "/settings on_unknown hold",
    "/exempt 5",
    "/pause",
    "/language de",
    "/start x",
    "/forget_me",
    "/unprotect",
    "/help",
)
_SEEN = {"status": "member", "user": _USER}
_CHANGE = {"chat": {"id": NEWS, "type": "channel", "title": "News"}, "from": _USER, "date": 1_790_000_000}
CORPUS: tuple[Mapping[str, object], ...] = (
    {"message": _MESSAGE},
    {"edited_message": {**_MESSAGE, "edit_date": 1_790_000_001}},
    {"message": {**_MESSAGE, "new_chat_members": [_USER], "is_topic_message": True, "message_thread_id": 3}},
    {"message": {**_MESSAGE, "migrate_to_chat_id": -1009}},
    {"message": {**_MESSAGE, "reply_to_message": _MESSAGE, "sender_chat": _CHAT}},
    *({"message": {**_MESSAGE, "from": {**_USER, "id": ADMIN}, "text": text, "entities": [
        {"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]}} for text in _COMMANDS),
    {"callback_query": {"id": "1", "from": _USER, "chat_instance": "1", "data": "v", "message": _MESSAGE}},
    {"callback_query": {"id": "1", "from": {**_USER, "id": ADMIN}, "chat_instance": "1", "message": _MESSAGE,
                        "data": "s:3e9:1:abcdef:m"}},
    {"callback_query": {"id": "1", "from": _USER, "chat_instance": "1", "data": "o:u:1", "message": _MESSAGE}},
    {"chat_member": {**_CHANGE, "old_chat_member": {**_SEEN, "status": "left"}, "new_chat_member": _SEEN}},
    {"my_chat_member": {**_CHANGE, "old_chat_member": _SEEN, "new_chat_member": {**_SEEN, "status": "kicked",
                                                                               "until_date": 0}}},
    {"chat_join_request": {**_CHANGE, "chat": _CHAT, "user_chat_id": MEMBER, "bio": "b"}},
)  # fmt: skip


@dataclass
class Findings:
    """What came of the inputs."""

    seed: int
    note: Note = field(default_factory=Note)
    inputs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)

    def crashed(self, target: str, what: object, given: object) -> None:
        """Note a crash, shortly."""
        self.crashes.append(f"{target}: {what!r} after {str(given)[:300]!r}")

    def report(self) -> dict[str, object]:
        """Return it as JSON has it. `asdict` would count the pairs of a counter."""
        return {**vars(self), "note": asdict(self.note)}


class Noise:
    """Pieces of text that have broken something somewhere."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def text(self) -> str:
        """Return some text."""
        if self.dice.random() < 0.5:
            nasty = self.dice.choice(NASTY)
            return (nasty if isinstance(nasty, str) else json.dumps(nasty))[:500]
        return "".join(chr(self.dice.choice((self.dice.randrange(128), self.dice.randrange(0xD800)))) for _ in range(9))

    def near(self, *models: str) -> str:
        """Return one of these texts, mostly with something wrong in it."""
        text = list(self.dice.choice(models))
        for _ in range(self.dice.randrange(3)):
            place = self.dice.randrange(len(text) + 1)
            text[place : place + self.dice.randrange(2)] = self.text()[: self.dice.randrange(4)]
        return "".join(text)


class Ingress:
    """The webhook of one bot over fakes."""

    def __init__(self, findings: Findings, seed: int) -> None:
        self._findings = findings
        self._mutator = Mutator(CORPUS, seed=seed)
        self._texts = load_catalogs()
        self._left = 0
        self._number = 10**9
        self._webhook: Webhook | None = None

    async def feed(self) -> None:
        """Try one input."""
        if self._left == 0 or self._webhook is None:
            self._webhook, self._left = await self._fresh(), _UPDATES_A_WORLD
        self._left, self._number = self._left - 1, self._number + 1
        body = self._mutator.update(self._number)
        headers = [(b"x-telegram-bot-api-secret-token", _SECRET), (b"content-length", str(len(body)).encode())]
        scope = {"type": "http", "method": "POST", "path": f"/telegram/{BOT}", "headers": headers}
        try:
            status = await _called(self._webhook, scope, body)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self._findings.crashed("ingress", error, body)
            return
        self._findings.outcomes[f"ingress {status}"] += 1
        if status not in _STATUSES:
            self._findings.crashed("ingress", status, body)

    async def _fresh(self) -> Webhook:
        world = World(self._texts)
        await world.open()
        dispatcher = build_dispatcher(
            Bot("42:TOKEN", request=_Offline(), get_updates_request=_Offline()),
            use_cases(world),
            _nothing,
            cast("Warmer", None),
        )
        receiver = Receiver(
            gate=Gate(groups=world.directory, memory=world.cache, sightings=world.activity),
            inbox=world.inbox,
            dispatchers={BOT: dispatcher},
            stopgap=_Present(),
            wake=_wake_nobody,
            counter=self,
            monotonic=time.monotonic,
        )
        return Webhook(receiver=receiver, secrets={BOT: (_SECRET,)})

    def update(self, kind: str, result: str) -> None:
        """Count; an update whose handler failed is a crash."""
        self._findings.outcomes[f"update {result}"] += 1
        if result == "failed":
            self._findings.crashed("handlers", kind, self._number)

    def took(self, kind: str, seconds: float) -> None:
        """Measure nothing."""


class Api:
    """The whole API over a desk at which there is nothing."""

    def __init__(self, findings: Findings, seed: int) -> None:
        self._findings = findings
        self._noise = Noise(seed)
        desk = cast("Desk", _EmptyDesk())
        access = ApiAccess(book=_OneToken(), clock=World(load_catalogs()).clock)
        self._app: Web = build_web(
            console=[],
            api=api_routes(desk, access=access, answers=_Forgetful(), version="0"),
            page=_page,
            ending=asyncio.Event(),
            link=_no_link,
        )

    async def feed(self) -> None:
        """Try one input."""
        noise, dice = self._noise, self._noise.dice
        # As a server hands it on: what is no UTF-8 has become the sign for that.
        path = unquote(_quoted(noise.near(*_PATHS)))
        names = [noise.near(*_FILTERS) for _ in range(dice.randrange(3))]
        query = "&".join(f"{_quoted(name)}={_quoted(noise.text())}" for name in names)
        body = noise.near(
            '{"text": "hello"}', '{"token": "1:a", "name": "x"}', '{"at_once": true}', '{"letter": "action/1"}'
        )
        headers = [
            (b"authorization", f"Bearer {_TOKEN if dice.random() < 0.9 else noise.text()}".encode("utf-8", "ignore")),
            (b"idempotency-key", noise.near("key").encode("latin-1", "ignore")),
            (b"content-length", str(len(body.encode("utf-8", "surrogatepass"))).encode()),
        ]
        scope = {
            "type": "http",
            "method": dice.choice(("GET", "POST", "POST", "DELETE", "PUT")),
            "path": f"/api/v1{path}",
            "raw_path": _quoted(path).encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers[dice.randrange(2) :] if dice.random() < 0.1 else headers,
        }
        given = (scope["method"], path, query, body)
        try:
            status = await _called(self._app, scope, body.encode("utf-8", "surrogatepass"))
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self._findings.crashed("api", error, given)
            return
        self._findings.outcomes[f"api {status}"] += 1
        if status not in _API_STATUSES:
            self._findings.crashed("api", status, given)


class Buttons:
    """What reads the data of buttons."""

    def __init__(self, findings: Findings, seed: int) -> None:
        self._findings = findings
        self._noise = Noise(seed)

    async def feed(self) -> None:
        """Try one input."""
        data = self._noise.near(
            "s:3e9:1:abcdef:m", "s:3e9:1:abcdef:on_unknown=hold", "s:::", "v", "o:u:123456789", "t:7"
        )
        try:
            found = ticket(data)
            if found is not None and ticket(str(found)) != found:
                self._findings.crashed("buttons", "it reads otherwise than it writes", data)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self._findings.crashed("buttons", error, data)
            return
        self._findings.outcomes["buttons read" if found else "buttons refused"] += 1


class _Offline(BaseRequest):
    """Says who the bot is, and yes to everything else."""

    @property
    def read_timeout(self) -> float:
        return 1.0

    async def initialize(self) -> None:
        """Nothing is opened."""

    async def shutdown(self) -> None:
        """Nothing is closed."""

    async def do_request(self, url: str, *_: object, **__: object) -> tuple[int, bytes]:
        me = {"id": BOT, "is_bot": True, "first_name": "Gate", "username": "gate_bot"}
        return 200, json.dumps({"ok": True, "result": me if url.endswith("/getMe") else True}).encode()


class _Present:
    """PostgreSQL is there."""

    needed = False

    async def handle(self, bot: int, update: int, body: bytes) -> bool:
        raise AssertionError((bot, update, body))


class _EmptyDesk:
    """Knows no bot, no group and no letter."""

    def __getattr__(self, name: str) -> "_EmptyDesk":
        return self

    async def __call__(self, *_: object, **__: object) -> object:
        raise NotFoundError("there is nothing here")


class _OneToken:
    """Knows one token."""

    async def find(self, token: object) -> ApiToken | None:
        known = getattr(token, "reveal")() == _TOKEN  # noqa: B009 - whatever is a secret
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        return ApiToken(1, "fuzz", Scope.ADMIN, None, moment, None, moment) if known else None

    async def add(self, *_: object, **__: object) -> ApiToken:
        raise NotImplementedError

    async def all(self) -> list[ApiToken]:
        return []

    async def drop(self, name: str) -> bool:
        del name
        return False


class _Forgetful:
    """Has answered nothing before."""

    async def begin(self, token: int, key: str, request: bytes) -> Answered | None:
        del token, key, request
        return None

    async def keep(self, token: int, key: str, answer: Answered) -> None:
        """Forget it."""

    async def give_back(self, token: int, key: str) -> None:
        """Forget it."""


async def _no_link() -> str:
    return ""


def _quoted(text: str) -> str:
    return quote(text, errors="surrogatepass")


async def _called(app: Callable[..., Awaitable[None]], scope: Mapping[str, object], body: bytes) -> int:
    status = 0

    async def receive() -> Event:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Event) -> None:
        nonlocal status
        if event["type"] == "http.response.start":
            status = cast("int", event["status"])

    await app(dict(scope), receive, send)
    return status


def _wake_nobody(bot: BotId, cases: Sequence[CaseId], *, first: bool = False) -> None:
    del bot, cases, first


async def _nothing() -> None:
    """Do nothing."""


def _page(_: Request, refusal: Refusal) -> Response:
    return PlainTextResponse(refusal.text, refusal.status)


async def fuzz(inputs: int, *, seed: int, progress: Progress) -> Findings:
    """Try so many inputs: one in ten goes all the way through the handlers."""
    findings = Findings(seed)
    shares = ((Ingress(findings, seed), 0.1), (Api(findings, seed), 0.3), (Buttons(findings, seed), 0.6))
    bar = progress.add_task("fuzz", total=inputs)
    for target, share in shares:
        name = type(target).__name__.lower()
        for number in range(round(inputs * share)):
            await target.feed()
            findings.inputs[name] += 1
            if number % 500 == 0:
                progress.update(bar, completed=findings.inputs.total(), description=f"fuzz {name}")
            if len(findings.crashes) >= _MOST_CRASHES:
                return findings
    progress.update(bar, completed=inputs)
    return findings


def main() -> int:
    """Try what is asked for and print what came of it."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many (default 1,000,000)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="for the same inputs again")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    wanted = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    with Progress() as progress:
        findings = asyncio.run(fuzz(wanted.inputs, seed=wanted.seed, progress=progress))
    if wanted.json:
        wanted.json.write_text(json.dumps(findings.report(), indent=2), encoding="utf-8")
    print(f"{findings.inputs.total():,} inputs, seed {wanted.seed}: " + ", ".join(
        f"{count:,} {name}" for name, count in findings.inputs.items()))  # fmt: skip
    for outcome, count in sorted(findings.outcomes.items()):
        print(f"  {outcome:<28}{count:>12,}")
    for crash in findings.crashes:
        print(f"CRASH {crash}")
    print(f"{len(findings.crashes)} crashes")
    return 1 if findings.crashes else 0


if __name__ == "__main__":
    sys.exit(main())

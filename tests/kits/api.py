"""What tests of the HTTP API share: a caller with a token, beside a running instance."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
from yarl import URL

from bot.app import Administration, administration
from bot.core.settings import Settings
from bot.domain.api import Scope
from bot.domain.ids import BotId
from tests.kits.leaks import assert_no_token
from tests.kits.platform import Platform

Json = object


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, object]:
        """Read it; a refusal has its own media type."""
        expected = "application/problem+json" if self.status >= 400 else "application/json"
        assert self.headers["content-type"] == expected
        read: dict[str, object] = json.loads(self.text)
        return read

    @property
    def items(self) -> list[dict[str, object]]:
        """Return the rows of a page."""
        rows = self.json["items"]
        assert isinstance(rows, list)
        return rows

    @property
    def refusal(self) -> tuple[int, object, object]:
        """Return status, detail and field."""
        assert "Traceback" not in self.text
        return self.status, self.json["detail"], self.json.get("field")


@dataclass(frozen=True)
class Api:
    """Calls the API of an instance."""

    session: aiohttp.ClientSession
    url: str
    token: str | None

    def as_(self, token: str | None) -> "Api":
        """Call with another token."""
        return replace(self, token=token)

    async def get(self, path: str, **query: str | int) -> Answer:
        """Ask."""
        return await self.call("GET", path, query={name: str(value) for name, value in query.items()})

    async def post(self, path: str, body: Json = None, *, key: str | None = None) -> Answer:
        """Have something done."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call("POST", path, None if body is None else json.dumps(body).encode(), headers=headers)

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Make any request."""
        given = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(
            # Encoded already: what a test spells is what is sent.
            method,
            URL(f"{self.url}/api/v1{path}", encoded=True),
            data=body,
            params=query,
            headers={**given, **(headers or {})},
        ) as answer:
            text = await answer.text()
            assert_no_token(f"the answer to {method} {path}", text)
            return Answer(answer.status, text, {name.lower(): v for name, v in answer.headers.items()})


@asynccontextmanager
async def shell(platform: Platform) -> AsyncIterator[Administration]:
    """Do what operators do at the shell."""
    async with administration(Settings.from_env(platform.environment(8000))) as admin:
        yield admin


async def token_for(platform: Platform, scope: Scope, *bots: int, name: str | None = None) -> str:
    """Make a token."""
    async with shell(platform) as admin:
        only = frozenset(BotId(bot) for bot in bots) or None
        _, token = await admin.api.create(name or f"{scope.value}-{len(bots)}", scope, bots=only)
        return token.reveal()

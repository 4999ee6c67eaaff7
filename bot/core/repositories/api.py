"""The tokens of the HTTP API and the answers that were given, as rows of PostgreSQL."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from bot.core.postgres.database import Database, Record
from bot.core.repositories.configuration import audit
from bot.domain.api import Answered, ApiToken, KeyBusyError, KeyReusedError, Scope
from bot.domain.errors import InvalidInputError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import Actor, Source
from bot.domain.secret import Secret

_SHELL = Actor(UserId(0), Source.CLI)
_DEPLOYMENT = BotId(0)


class ApiTokens:
    """Keeps digests. A token has 256 random bits: nobody finds one for a digest, and no salt is needed."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(
        self, token: Secret, *, name: str, scope: Scope, bots: frozenset[BotId] | None, expires_at: datetime | None
    ) -> ApiToken:
        """Keep a token's digest. Raises InvalidInputError for a name that is taken."""
        only = None if bots is None else sorted(bots)
        async with self._database.transaction() as session:
            row = await session.row("add_api_token", name, _digest(token), scope.value, only, expires_at)
            if row is None:
                raise InvalidInputError("name", f"there is a token {name!r} already")
            await audit(session, _DEPLOYMENT, _SHELL, "api_token_create", None, {"name": name, "scope": scope.value})
            return _token(row)

    async def find(self, token: Secret) -> ApiToken | None:
        """Return the token that this is, by its digest: how long that takes tells nothing about any token."""
        row = await self._database.row("find_api_token", _digest(token))
        if row is None:
            return None
        if row["is_long_unused"]:
            await self._database.execute("api_token_used", row["token_id"])
        return _token(row)

    async def all(self) -> Sequence[ApiToken]:
        """Return all tokens, by name."""
        return [_token(row) for row in await self._database.rows("api_tokens")]

    async def drop(self, name: str) -> bool:
        """Forget a token; False when there is none of that name."""
        async with self._database.transaction() as session:
            if await session.row("drop_api_token", name) is None:
                return False
            await audit(session, _DEPLOYMENT, _SHELL, "api_token_revoke", None, {"name": name})
            return True


class ApiAnswers:
    """One row for each Idempotency-Key of a token, for a day."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def begin(self, token: int, key: str, request: bytes) -> Answered | None:
        """Claim a key for a request; return the answer if it was given before."""
        fingerprint = hashlib.sha256(request).digest()
        try:
            if await self._database.row("claim_api_key", token, key, fingerprint) is not None:
                return None
        except asyncpg.ForeignKeyViolationError:
            # The token was revoked this moment; what it asks for is refused where it is known anew.
            return None
        row = await self._database.row("api_answer", token, key)
        if row is None or (row["status"] is None and bytes(row["request"]) == fingerprint):
            raise KeyBusyError("a request with this Idempotency-Key is being worked on; ask again in a moment")
        if bytes(row["request"]) != fingerprint:
            raise KeyReusedError("this Idempotency-Key was used for another request")
        return Answered(row["status"], bytes(row["body"]))

    async def keep(self, token: int, key: str, answer: Answered) -> None:
        """Keep what was answered."""
        await self._database.execute("keep_api_answer", token, key, answer.status, answer.body)

    async def give_back(self, token: int, key: str) -> None:
        """Forget a key whose request did nothing."""
        await self._database.execute("give_back_api_key", token, key)

    async def forget(self) -> None:
        """Drop what is a day old."""
        await self._database.execute("forget_api_answers")


def _digest(token: Secret) -> bytes:
    return hashlib.sha256(token.reveal().encode()).digest()


def _token(row: Record) -> ApiToken:
    return ApiToken(
        token_id=row["token_id"],
        name=row["name"],
        scope=Scope(row["scope"]),
        bots=None if row["bots"] is None else frozenset(BotId(bot) for bot in row["bots"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )

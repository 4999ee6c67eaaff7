"""Tokens of the HTTP API, and answers that are given a second time."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from bot.domain.errors import BotError, InvalidInputError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import Actor, Operator, Rank, Source

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Scope(Enum):
    """What a token may do. Each scope includes the ones before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    @property
    def rank(self) -> Rank:
        """Return what an operator with such a token is."""
        return {Scope.READ: Rank.VIEWER, Scope.OPERATE: Rank.OPERATOR, Scope.ADMIN: Rank.OWNER}[self]


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is kept: what it opens, never the token itself."""

    token_id: int
    name: str
    scope: Scope
    bots: frozenset[BotId] | None
    """The only bots that exist for it; None: all of them."""
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None

    @property
    def operator(self) -> Operator:
        """Return whom the token acts as. In the audit its number stands below zero, where no user's is."""
        return Operator(Actor(UserId(-self.token_id), Source.API), self.scope.rank, self.bots)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request was answered."""

    status: int
    body: bytes


class UnknownTokenError(BotError):
    """No such token, or not any more."""


class KeyReusedError(BotError):
    """An Idempotency-Key came a second time with another request."""


class KeyBusyError(BotError):
    """A request with this Idempotency-Key is being worked on."""


def checked_token_name(name: str) -> str:
    """Return a name operators may give a token. Raises InvalidInputError."""
    if not _NAME.match(name):
        raise InvalidInputError("name", "a token's name has 1 to 64 letters, digits, dashes and underscores")
    return name

"""Who may see the console: by a link that works once, then by a session.

Redis holds only fingerprints of links and sessions, so whoever reads it cannot log in by what they find.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bot.domain.errors import NotAllowedError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import Actor, Operator, Rank, Source
from bot.services.ports.access import Owners, Shelf
from bot.services.ports.runtime import Clock

LINK_SECONDS = 5 * 60
IDLE_SECONDS = 12 * 3600
_LONGEST = timedelta(days=7)
# Links have 128 random bits; the limit keeps a script from making Redis busy.
_TRIES, _TRIES_SECONDS = 10, 60


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in. Every form they send has to know `seal`."""

    operator: Operator
    seal: str

    def is_sealed(self, given: str | None) -> bool:
        """Whether a form was made for this session."""
        return given is not None and hmac.compare_digest(given.encode(), self.seal.encode())


class Access:
    """Lets operators in and out. Every method raises NotReadyError without Redis."""

    def __init__(
        self, *, shelf: Shelf, owners: Owners, operators: frozenset[UserId], base_url: str, clock: Clock
    ) -> None:
        self._shelf = shelf
        self._owners = owners
        self._operators = operators
        self._base_url = base_url.rstrip("/")
        self._clock = clock

    @property
    def is_secure(self) -> bool:
        """Whether people reach the console by https."""
        return self._base_url.startswith("https://")

    @property
    def host(self) -> str:
        """Where people reach the console, as their browsers name it."""
        return urlsplit(self._base_url).netloc

    async def link_for(self, user: UserId) -> str | None:
        """Make a link for somebody who asks the bot; None when they are no operator and own no bot."""
        if user in self._operators or await self._owners.bots_of_owner(user):
            return await self.link(user, Rank.OWNER, Source.CHAT)
        return None

    async def link(self, user: UserId, rank: Rank, source: Source) -> str:
        """Make a link that lets somebody in, once, within five minutes."""
        token = secrets.token_urlsafe(16)
        value = {"user": user, "rank": rank.value, "source": source.value}
        await self._shelf.put(_name("link", token), value, seconds=LINK_SECONDS)
        return f"{self._base_url}/console/login?token={token}"

    async def is_link(self, token: str, address: str) -> bool:
        """Whether a link still works. Looking does not use it up. Raises NotAllowedError for too many tries."""
        await self._tried(address)
        return await self._shelf.get(_name("link", token)) is not None

    async def enter(self, token: str, address: str) -> str | None:
        """Use a link up and return the session's name, made anew each time; None for a link that does not work."""
        await self._tried(address)
        found = await self._shelf.take(_name("link", token))
        if found is None:
            return None
        session = secrets.token_urlsafe(32)
        value = {**found, "seal": secrets.token_urlsafe(24), "since": self._clock.now().isoformat()}
        await self._shelf.put(_name("session", session), value, seconds=IDLE_SECONDS)
        return session

    async def session(self, session: str | None, *, visit: bool = True) -> Session | None:
        """Return who is logged in; a visit begins their idle time anew. None for nobody, or nobody any more."""
        if not session:
            return None
        found = await self._shelf.get(_name("session", session), seconds=IDLE_SECONDS if visit else None)
        if found is None or self._clock.now() - datetime.fromisoformat(str(found["since"])) > _LONGEST:
            return None
        user, source = UserId(_number(found, "user")), Source(found["source"])
        bots: frozenset[BotId] | None = None
        if source is Source.CHAT and user not in self._operators:
            bots = await self._owners.bots_of_owner(user)
            if not bots:
                # No operator any more, since the instances were told others.
                return None
        operator = Operator(Actor(user, Source.CONSOLE), Rank(found["rank"]), bots)
        return Session(operator, str(found["seal"]))

    async def leave(self, session: str | None) -> None:
        """Forget a session."""
        if session:
            await self._shelf.take(_name("session", session))

    async def _tried(self, address: str) -> None:
        if await self._shelf.count(_name("tries", address), seconds=_TRIES_SECONDS) > _TRIES:
            raise NotAllowedError("too many tries from here; wait a minute")


def _name(kind: str, text: str) -> str:
    return f"{kind}:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def _number(found: Mapping[str, object], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) else 0

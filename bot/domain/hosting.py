"""The bots that a deployment hosts."""

import re
from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import InvalidInputError
from bot.domain.ids import BotId
from bot.domain.secret import Secret

SIMULATED = ":SIM"
"""How a simulator's tokens begin behind the bot's id; Telegram's never do."""

BOT_DISABLED = "bot_disabled"
"""Why a group is paused while its bot is being stopped or is stopped."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TOKEN = re.compile(r"([0-9]{1,16}):[A-Za-z0-9_-]{3,}\Z")


@dataclass(frozen=True, slots=True)
class HostedBot:
    """A bot as instances run it."""

    bot_id: BotId
    username: str
    token: Secret | None
    """None when the encryption key does not open it: the bot cannot be run."""
    secrets: tuple[Secret, ...]
    """What Telegram may send with an update: the webhook's secret, and the former one until it is out of use."""
    enabled: bool
    refused_at: datetime | None
    """Since when Telegram refuses the token; until it is accepted again, the bot's work rests."""
    seq: int

    @property
    def at_work(self) -> bool:
        """Whether instances serve the bot."""
        return self.enabled and self.token is not None


@dataclass(frozen=True, slots=True)
class BotSummary:
    """A bot as operators see it."""

    bot_id: BotId
    name: str
    username: str
    enabled: bool
    refused_at: datetime | None
    added_at: datetime
    groups: int
    """Groups that are protected."""
    held: int
    """People who are muted, or may be, at this moment."""

    @property
    def state(self) -> str:
        """Say in one word how the bot is."""
        if not self.enabled:
            return "disabled"
        return "running" if self.refused_at is None else "refused"


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """What Telegram tells of whoever has a token."""

    bot_id: BotId
    username: str
    first_name: str
    can_join_groups: bool
    reads_all_messages: bool


def checked_name(name: str) -> str:
    """Return a name operators may give a bot. Raises InvalidInputError."""
    if not _NAME.match(name):
        raise InvalidInputError("name", "a bot's name has 1 to 64 letters, digits, dashes and underscores")
    return name


def bot_id_of(token: Secret) -> BotId:
    """Read the bot's id, which is the part of a token before the colon. Raises InvalidInputError."""
    match = _TOKEN.match(token.reveal())
    if match is None:
        raise InvalidInputError("token", "a bot's token looks like 1234567890:AA...; this one does not")
    return BotId(int(match[1]))

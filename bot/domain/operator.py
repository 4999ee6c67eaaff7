"""People who run a deployment: what they may do, and from where they did it."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from bot.domain.errors import NotAllowedError
from bot.domain.ids import BotId, UserId


class Rank(Enum):
    """What an operator may do. Each rank may do what the ones before it may."""

    VIEWER = "viewer"
    """Reads."""
    OPERATOR = "operator"
    """Acts on groups: pauses, resumes, warms, writes, replays."""
    OWNER = "owner"
    """Adds, stops and removes bots and exchanges their secrets."""

    def covers(self, wanted: "Rank") -> bool:
        """Whether this rank is enough."""
        order = list(Rank)
        return order.index(self) >= order.index(wanted)


class Source(Enum):
    """Where a change came from. It stands beside the change in the audit log."""

    CHAT = "chat"
    CONSOLE = "console"
    API = "api"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed something, and from where."""

    user_id: UserId
    source: Source


By: TypeAlias = UserId | Actor
"""Who changes something; somebody without a source did it in a chat."""


def actor_of(by: By) -> Actor:
    """Return who and from where."""
    return by if isinstance(by, Actor) else Actor(by, Source.CHAT)


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who is logged in."""

    actor: Actor
    rank: Rank
    bots: frozenset[BotId] | None = None
    """The only bots that exist for them; None: all of them."""

    def sees(self, bot: BotId) -> bool:
        """Whether the bot exists for them."""
        return self.bots is None or bot in self.bots

    def need(self, rank: Rank, bot: BotId | None = None) -> None:
        """Raise NotAllowedError unless they may act by this rank, on this bot if one is named."""
        if not self.rank.covers(rank):
            raise NotAllowedError(f"this takes the role {rank.value}; yours is {self.rank.value}")
        if bot is not None and not self.sees(bot):
            # In the words of somebody who asks for a bot that is not there: nothing is told about others' bots.
            raise NotAllowedError(f"there is no bot {bot}")

    def need_all(self, rank: Rank, otherwise: str) -> None:
        """Raise NotAllowedError unless they may act by this rank on all bots; in these words where they have some."""
        self.need(rank)
        if self.bots is not None:
            raise NotAllowedError(otherwise)

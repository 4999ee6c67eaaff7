"""Somebody who asks to be let into a group."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from bot.domain.ids import BotId, GroupId, MessageId, UserId


class Ruling(Enum):
    """What a guard bot answers about somebody who asks to be let in."""

    APPROVE = "approve"
    QUEUE = "queue"
    """The request stays with the group's admins, and with this bot."""


@dataclass(frozen=True, slots=True)
class Knock:
    """A request to join that waits for an answer."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    language: str
    expires_at: datetime
    is_told: bool
    """They were told what to join, or cannot be."""
    message_id: MessageId | None
    version: int
    attempts: int

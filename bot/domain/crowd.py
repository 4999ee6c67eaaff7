"""A crowd in a group: one prompt stands for many."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.ids import BotId, GroupId, MessageId, TopicId


@dataclass(frozen=True, slots=True)
class Crowd:
    """A group's shared prompt, and how many it stands for."""

    bot_id: BotId
    group_id: GroupId
    topic_id: TopicId | None
    message_id: MessageId | None
    shown: int
    """How many it says that wait."""
    waiting: int
    """How many do."""
    sent_at: datetime | None
    version: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Room:
    """How many prompts a group may get in a minute before a crowd shares one, and how long that one gathers."""

    places: int
    gather_seconds: float

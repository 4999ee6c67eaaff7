"""What a group is told while there is no ledger to remember prompts."""

from dataclasses import dataclass

from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.message import Posted


@dataclass(frozen=True, slots=True)
class Reminder:
    """One message that says what to join. It belongs to no case."""

    bot_id: BotId
    group_id: GroupId
    posted: Posted
    user_id: UserId | None = None
    """Who sees it, where nobody else does."""

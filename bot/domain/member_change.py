"""A change of somebody's membership, as Telegram tells of it."""

from dataclasses import dataclass

from bot.domain.ids import BotId, UserId
from bot.domain.membership import Stamp
from bot.domain.permissions import MemberState


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One `chat_member` update."""

    bot_id: BotId
    chat_id: int
    user_id: UserId
    user_name: str
    is_bot: bool
    actor: UserId
    old: MemberState
    new: MemberState
    stamp: Stamp
    language: str | None = None
    invite_link: str | None = None
    """The link by which the user came, where Telegram tells."""

    @property
    def joined(self) -> bool:
        """The user is in the chat and was not."""
        return self.new.is_member and not self.old.is_member

    @property
    def left(self) -> bool:
        """The user was in the chat and is not."""
        return self.old.is_member and not self.new.is_member

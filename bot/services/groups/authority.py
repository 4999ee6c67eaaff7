"""Who may change a group's settings or speak for a channel, asked of Telegram and remembered for half a minute."""

from enum import Enum

from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Locked
from bot.domain.recent import Recent
from bot.services.ports.runtime import Clock
from bot.services.ports.telegram import TelegramStates

_FRESH_SECONDS = 30.0
_LIMIT = 10_000


class Say(Enum):
    """Whether somebody may change settings, and why not."""

    YES = "yes"
    NOT_ADMIN = "not_admin"
    LOCKED = "locked"
    """The owner has kept the settings to themselves."""


class Authority:
    """Knows admins by what Telegram said of them lately."""

    def __init__(self, *, telegram: TelegramStates, clock: Clock) -> None:
        self._telegram = telegram
        self._clock = clock
        self._known: Recent[tuple[BotId, GroupId, UserId], tuple[float, MemberState]] = Recent(_LIMIT)

    async def of(self, group: ProtectedGroup, user: UserId, *, as_owner: bool = False) -> Say:
        """Decide on somebody; `as_owner` asks for what only the owner may. Raises as `member_state` does."""
        state = await self._state(group.bot_id, group.group_id, user)
        if not state.is_admin or "can_restrict_members" not in state.rights:
            return Say.NOT_ADMIN
        needs_owner = as_owner or group.policy.locked is not Locked.OFF
        return Say.LOCKED if needs_owner and state.role is not Role.OWNER else Say.YES

    async def in_channel(self, bot: BotId, channel: ChannelId, user: UserId) -> MemberState:
        """Return somebody's standing in a channel, by the same rule. Raises as `member_state` does."""
        return await self._state(bot, GroupId(channel), user)

    async def _state(self, bot: BotId, chat: GroupId, user: UserId) -> MemberState:
        key, now = (bot, chat, user), self._clock.monotonic()
        until, state = self._known.pop(key, (0.0, None))
        if state is None or until < now:
            until, state = now + _FRESH_SECONDS, await self._telegram.member_state(*key)
        self._known[key] = (until, state)
        return state

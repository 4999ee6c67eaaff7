"""A moderator's restriction that our lift has replaced: the Bot API has no call that lifts only what is ours."""

import structlog

from bot.domain.errors import TelegramRefusedError
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.intent import Intent, Moderated
from bot.domain.member_change import MemberChange
from bot.domain.permissions import Prior, Role, restored
from bot.services.ports.ledger import CaseReader
from bot.services.ports.runtime import Clock
from bot.services.ports.telegram import TelegramModeration

log = structlog.stdlib.get_logger()


class Overwritten:
    """Puts back what the update about a lift names as replaced, if it was neither ours nor is what we gave back.

    A lift reads the member's state and then gives the permissions back; what a moderator does in between is lost. Only
    what takes away something of what the lift gave, and nothing else, is put back: so what comes back can never be
    taken for replaced itself.
    """

    def __init__(self, *, ledger: CaseReader, telegram: TelegramModeration, clock: Clock) -> None:
        self._ledger = ledger
        self._telegram = telegram
        self._clock = clock

    async def put_right(self, change: MemberChange, group: GroupId) -> tuple[Intent, ...]:
        """Look at a change that is our own doing. Raises TelegramUnavailableError and StoreUnavailableError."""
        theirs = restored(change.old.restriction, self._clock.now())
        if theirs is None or not theirs.permissions < change.new.permissions or not change.new.may_send:
            return ()
        if await self._is_ours(change, group, theirs):
            return ()
        who = (change.bot_id, group, change.user_id)
        now = await self._telegram.member_state(*who, urgent=True)
        if now.restriction == change.new.restriction and not now.is_admin and now.role is not Role.BANNED:
            # Whoever has left since is as free as we left them, and comes back so.
            await self._put_back(who, theirs)
        elif now.restriction is not None and await self._is_ours(change, group, now.restriction):
            # Gated again meanwhile: it is what this mute has to give back.
            return (Moderated(change.bot_id, group, change.user_id, theirs),)
        return ()

    async def _is_ours(self, change: MemberChange, group: GroupId, restriction: Prior) -> bool:
        # Ours always has an end.
        return restriction.until is not None and await self._ledger.imposed(
            change.bot_id, group, change.user_id, restriction.until
        )

    async def _put_back(self, who: tuple[BotId, GroupId, UserId], theirs: Prior) -> None:
        bot, group, user = who
        log.warning("lift.replaced_a_moderators", group=group, user=user)
        try:
            await self._telegram.put_back(bot, group, user, theirs)
        except TelegramRefusedError as error:
            log.warning("lift.not_put_right", group=group, user=user, error=str(error))

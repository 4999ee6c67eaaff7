"""The bot's own rights: without them a gate would mute people it cannot free, so it pauses instead."""

from dataclasses import dataclass

import structlog

from bot.domain import links
from bot.domain.errors import StoreUnavailableError, TelegramError, TelegramRefusedError
from bot.domain.group import ProtectedGroup
from bot.domain.hosting import BOT_DISABLED
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement, needed_in_group
from bot.services.groups.directory import Directory
from bot.services.ports.groups import GroupStore
from bot.services.ports.ledger import CaseReader
from bot.services.ports.runtime import Texts, Waker
from bot.services.ports.telegram import TelegramChats

CHANNEL_LOST = "channel_lost"
RIGHTS_LOST = "rights_lost"
PAUSED_BY_ADMIN = "admin"

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Missing:
    """What keeps the bot from working in one chat."""

    not_admin: bool
    rights: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return self.not_admin or bool(self.rights)


def missing_in_group(state: MemberState, enforcement: Enforcement) -> Missing:
    """Compare the bot's state in a group with what it needs there."""
    rights = tuple(right for right in needed_in_group(enforcement) if right not in state.rights)
    return Missing(not_admin=not state.is_admin, rights=rights)


class OwnRights:
    """Follows the bot's rights. An update is only a hint to ask: several may arrive out of order."""

    def __init__(
        self,
        *,
        directory: Directory,
        groups: GroupStore,
        ledger: CaseReader,
        telegram: TelegramChats,
        texts: Texts,
        wake: Waker,
    ) -> None:
        self._directory = directory
        self._groups = groups
        self._ledger = ledger
        self._telegram = telegram
        self._texts = texts
        self._wake = wake

    async def changed(self, bot: BotId, chat: int, *, username: str | None = None) -> None:
        """Ask for the bot's rights in the chat and pause or resume what depends on them.

        Whoever is told of it gets the tap that mends it where the bot's own username is known.
        Raises TelegramUnavailableError when Telegram does not say; the update is then delivered again.
        """
        guarded = self._directory.guarded_by(bot, ChannelId(chat))
        group = self._directory.group(bot, GroupId(chat))
        if not guarded and group is None:
            return
        state = await self._own_state(bot, chat)
        for dependent in guarded:
            await self._settle(dependent, username, lost=not state.is_admin, reason=CHANNEL_LOST)
        if group is not None and group.protected:
            lost = bool(missing_in_group(state, group.enforcement))
            await self._settle(group, username, lost=lost, reason=RIGHTS_LOST)
        if group is not None and not missing_in_group(state, Enforcement.MUTE):
            # Lifts that were refused need not wait for their next try, whatever the gate does by now.
            self._wake(bot, await self._groups.hurry(bot, group.group_id))

    async def _own_state(self, bot: BotId, chat: int) -> MemberState:
        """Ask twice before believing a refusal: it opens a gate and frees everybody."""
        for _ in range(2):
            try:
                return await self._telegram.member_state(bot, GroupId(chat), UserId(bot))
            except TelegramRefusedError as error:
                log.warning("rights.refused", chat=chat, error=str(error))
        # Telegram refuses to show a chat that the bot was removed from.
        return MemberState(Role.LEFT, is_member=False)

    async def _settle(self, group: ProtectedGroup, username: str | None, *, lost: bool, reason: str) -> None:
        """Pause what cannot work, and resume it only when nothing at all is missing any more."""
        paused = group.paused_reason
        if paused in {PAUSED_BY_ADMIN, BOT_DISABLED}:
            # Who paused it resumes it; what is missing by then is found out then.
            return
        if not lost:
            reason_left = await self._still_missing(group) if paused is not None else None
        else:
            # A lost channel weighs more than lost rights: people go free for it.
            reason_left = reason if paused is None or reason == CHANNEL_LOST else paused
        if reason_left == paused:
            return
        woken = await self._change(group, reason_left)
        if woken is None:
            # Something else was lost, or came back, while this was asked: what is left is decided anew.
            await self._directory.refresh()
            fresh = self._directory.group(group.bot_id, group.group_id)
            if fresh is not None and fresh.protected and fresh.paused_reason != paused:
                await self._settle(fresh, username, lost=lost, reason=reason)
            return
        if reason_left is None:
            log.info("group.resumed", group=group.group_id)
            await self._tell(group, "rights.resumed")
        else:
            log.warning("group.paused", group=group.group_id, reason=reason_left)
            await self._tell(group, f"rights.{reason_left}", await self._muted(group, reason_left), username)
        await self._directory.refresh()
        self._wake(group.bot_id, woken)

    async def _change(self, group: ProtectedGroup, reason: str | None) -> tuple[CaseId, ...] | None:
        """Pause or resume, unless the group is no longer as it was when this was decided."""
        bot, chat, was = group.bot_id, group.group_id, group.paused_reason
        if reason is not None:
            # A channel that cannot be asked proves nothing against anybody: whoever was muted for it goes free.
            return await self._groups.pause(bot, chat, reason, was=was, free=reason == CHANNEL_LOST)
        return None if was is None else await self._groups.resume(bot, chat, was=was)

    async def _still_missing(self, group: ProtectedGroup) -> str | None:
        """Ask for the bot's rights in everything the group depends on."""
        for channel in group.channel_ids:
            if not (await self._own_state(group.bot_id, channel)).is_admin:
                return CHANNEL_LOST
        own = await self._own_state(group.bot_id, group.group_id)
        return RIGHTS_LOST if missing_in_group(own, group.enforcement) else None

    async def _muted(self, group: ProtectedGroup, reason: str) -> int:
        """Count who stays muted while the bot cannot lift anything: they join in vain, and only an admin frees them."""
        if reason != RIGHTS_LOST or group.enforcement not in {Enforcement.MUTE, Enforcement.KICK}:
            return 0
        try:
            return await self._ledger.count_open(group.bot_id, group.group_id)
        except StoreUnavailableError:
            return 0

    async def _tell(self, group: ProtectedGroup, key: str, muted: int = 0, username: str | None = None) -> None:
        """Tell the admin who set the group up, in private if possible, else the group."""
        channels = ", ".join(channel.title for channel in group.channels)
        text = self._texts.say(key, group.language, group=group.title, channels=channels)
        if muted:
            text += "\n\n" + self._texts.say("rights.still_muted", group.language, total=muted)
        message = Outgoing(text, self._mends(group, key, username), silent=False)
        for chat in (group.configured_by, group.group_id):
            try:
                await self._telegram.send(group.bot_id, chat, message)
            except TelegramError:
                continue
            return

    def _mends(self, group: ProtectedGroup, key: str, username: str | None) -> tuple[tuple[Button, ...], ...]:
        """Offer the tap that gives back what was lost."""
        made = {
            f"rights.{RIGHTS_LOST}": ("setup.fix_button", links.add_to_group),
            f"rights.{CHANNEL_LOST}": ("setup.fix_channel_button", links.add_to_channel),
        }.get(key)
        if made is None or username is None:
            return ()
        label, link = self._texts.toast(made[0], group.language), made[1](username)
        return ((Button(label, url=link, style="primary"),),)

"""Those to whom a channel belongs see which groups require it, and decide which may."""

from collections.abc import Sequence

import structlog

from bot.domain.consent import Answer, OwnChannel, Ruling, Terms, rule
from bot.domain.errors import TelegramError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.services.groups.directory import Directory
from bot.services.ports.groups import ChannelStore
from bot.services.ports.runtime import Poke, Texts, Waker
from bot.services.ports.telegram import TelegramChats

MOST_USES = 40
"""Groups on one panel: so many rows of buttons Telegram still shows well."""
_MOST_KNOWN = 10

PREFIX = "c:"
SHOW, GROUP, ALLOW, VETO = "s", "g", "a", "v"

log = structlog.stdlib.get_logger()


def data(verb: str, channel: ChannelId, group: GroupId | None = None) -> str:
    """Write callback data, of at most 64 bytes. Whoever presses has to be an admin of this very channel."""
    return f"{PREFIX}{verb}:{-channel:x}:{-(group or 0):x}"


class Channels:
    """Keeps to what the owners of channels say. Changes take effect on this instance at once, and soon everywhere."""

    def __init__(
        self,
        *,
        directory: Directory,
        store: ChannelStore,
        telegram: TelegramChats,
        texts: Texts,
        wake: Waker,
        poke: Poke,
    ) -> None:
        self._directory = directory
        self._store = store
        self._telegram = telegram
        self._texts = texts
        self._wake = wake
        self._poke = poke

    async def rule(
        self,
        bot: BotId,
        channel: tuple[ChannelId, str],
        group: tuple[GroupId, str],
        by: UserId,
        *,
        decides: bool,
        language: str,
    ) -> tuple[Ruling, Terms]:
        """Decide whether a group may require a channel, and ask whom it belongs to where that is wanted."""
        channel_id, (group_id, title) = channel[0], group
        terms = await self._store.terms(bot, channel_id, group_id)
        known = self._directory.group(bot, group_id)
        in_use = known is not None and known.protected and channel_id in known.channel_ids
        ruling = rule(terms, in_use=in_use, decides=decides)
        if ruling is Ruling.ASK and terms.answer is Answer.NONE:
            await self._store.answer(bot, channel_id, group_id, title, Answer.ASKED, by)
            await self._ask(bot, channel, group, terms.contact, language)
        return ruling, terms

    async def given(self, bot: BotId, channel: ChannelId, title: str, username: str | None, by: UserId) -> None:
        """Note who made the bot an admin of a channel."""
        await self._store.given(bot, channel, title, username, by)

    async def known_to(self, bot: BotId, user: UserId) -> Sequence[tuple[ChannelId, str]]:
        """Return channels that somebody may be an admin of."""
        return await self._store.known_to(bot, user, _MOST_KNOWN)

    async def card(self, bot: BotId, channel: ChannelId) -> OwnChannel | None:
        """Return a channel with its groups."""
        return await self._store.card(bot, channel, MOST_USES)

    async def set_consent(self, bot: BotId, channel: ChannelId, by: UserId, *, consent: bool) -> None:
        """Choose whether new groups have to ask first."""
        await self._store.set_consent(bot, channel, by, consent=consent)

    async def allow(self, bot: BotId, channel: OwnChannel, group: GroupId, by: UserId) -> bool:
        """Let a group require the channel, and tell it if it does not; False for one that it has nothing to do with."""
        use = next((each for each in channel.uses if each.group_id == group), None)
        if use is None:
            return False
        await self._store.answer(bot, channel.channel_id, group, use.title, Answer.ALLOWED, by)
        if not use.in_use:
            known = self._directory.group(bot, group)
            language = known.language if known else "en"
            text = self._texts.say("channels.granted", language, channel=channel.title, group=use.title)
            await self._say(bot, group, text)
        return True

    async def veto(self, bot: BotId, channel: OwnChannel, group: GroupId, by: UserId) -> bool:
        """Have a group stop requiring the channel at once, and tell its admins."""
        use = next((each for each in channel.uses if each.group_id == group), None)
        if use is None:
            return False
        before = self._directory.group(bot, group)
        stopped = await self._store.answer(bot, channel.channel_id, group, use.title, Answer.VETOED, by)
        if stopped is not None:
            log.info("channel.vetoed", channel=channel.channel_id, group=group, by=by)
            await self._directory.refresh()
            await self._poke()
            self._wake(bot, stopped.woken)
            if before is not None and before.protected:
                await self._tell(before, channel, is_open=stopped.is_open)
        return True

    async def _ask(
        self,
        bot: BotId,
        channel: tuple[ChannelId, str],
        group: tuple[GroupId, str],
        contact: UserId | None,
        language: str,
    ) -> None:
        """Ask whom the channel belongs to; who cannot be written to finds the question in `/channels`."""
        if contact is None:
            return
        text = self._texts.say("channels.group.asked", language, channel=channel[1], group=group[1])
        yes = Button(self._texts.toast("channels.allow_button", language), data=data(ALLOW, channel[0], group[0]))
        no = Button(self._texts.toast("channels.veto_button", language), data=data(VETO, channel[0], group[0]))
        await self._say(bot, contact, text, ((yes, no),))

    async def _tell(self, group: ProtectedGroup, channel: OwnChannel, *, is_open: bool) -> None:
        """Tell a group's admins, in the group and whoever set it up: who may write there has changed."""
        key = "channels.lost_last" if is_open else "channels.lost"
        text = self._texts.say(key, group.language, channel=channel.title, group=group.title)
        for chat in (group.group_id, group.configured_by):
            await self._say(group.bot_id, chat, text)

    async def _say(self, bot: BotId, chat: int, text: str, buttons: tuple[tuple[Button, ...], ...] = ()) -> None:
        try:
            await self._telegram.send(bot, chat, Outgoing(text, buttons, silent=False))
        except TelegramError as error:
            log.warning("channels.unsaid", chat=chat, error=str(error))

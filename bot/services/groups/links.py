"""Each group's own invite links: by them a channel's admins see whom the group brought."""

from enum import Enum

import structlog

from bot.domain.errors import TelegramRefusedError
from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId
from bot.services.groups.directory import Directory
from bot.services.ports.groups import GroupStore
from bot.services.ports.runtime import Poke
from bot.services.ports.telegram import TelegramChats

# createChatInviteLink refuses a longer name.
_NAME_LENGTH = 32

log = structlog.stdlib.get_logger()


class Renewal(Enum):
    """What has become of a link."""

    WORKS = "works"
    MADE = "made"
    """There is a new one: Telegram tells nobody that an admin has revoked the last."""
    NONE = "none"
    """Without the right to invite there is none. A public channel is joined by its name all the same."""


class InviteLinks:
    """Makes links, and others where an admin of the channel has revoked them."""

    def __init__(self, *, telegram: TelegramChats, groups: GroupStore, directory: Directory, poke: Poke) -> None:
        self._telegram = telegram
        self._groups = groups
        self._directory = directory
        self._poke = poke

    async def working(
        self, bot: BotId, channel: ChannelId, group: tuple[GroupId, str], known: str | None
    ) -> str | None:
        """Return the known link if it works, else a new one; the known one where none can be made.

        Raises TelegramUnavailableError.
        """
        name = " ".join(group[1].split())[:_NAME_LENGTH] or str(group[0])
        if known is not None and await self._telegram.link_works(bot, channel, known, name):
            return known
        try:
            return await self._telegram.invite_link(bot, channel, name)
        except TelegramRefusedError as error:
            log.info("link.refused", channel=channel, description=error.description)
            return known

    async def renew(self, group: ProtectedGroup, channel: Channel) -> Renewal:
        """See to it that a group's link works. Raises TelegramUnavailableError or StoreUnavailableError."""
        bot, known = group.bot_id, channel.invite_link
        link = await self.working(bot, channel.channel_id, (group.group_id, group.title), known)
        if link == known:
            return Renewal.NONE if known is None else Renewal.WORKS
        await self._groups.set_link(group, channel.channel_id, link)
        await self._directory.refresh()
        await self._poke()
        return Renewal.MADE

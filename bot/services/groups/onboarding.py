"""Setting a group up in private, without typing: the channel is picked from a list, and each step can be undone."""

from dataclasses import dataclass
from enum import Enum

from bot.domain.errors import TelegramRefusedError
from bot.domain.group import ChatInfo, ProtectedGroup, SetUp
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.services.groups.directory import Directory
from bot.services.groups.setup import Problem, Request, Setup
from bot.services.ports.groups import SetUps
from bot.services.ports.telegram import TelegramChats


class How(Enum):
    """What a picked channel means for a group that requires others already."""

    REPLACE = "r"
    ADD = "a"


@dataclass(frozen=True, slots=True)
class Done:
    """The group is protected."""

    set_up: SetUp
    group: ProtectedGroup


@dataclass(frozen=True, slots=True)
class Choice:
    """The group requires other channels already; its admin has to say what becomes of them."""

    set_up: SetUp
    group: ProtectedGroup
    channel: ChatInfo


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed."""

    problems: tuple[Problem, ...]
    set_up: SetUp | None = None


class Onboarding:
    """Leads an admin from the bot's arrival to a protected group. Rights are asked of Telegram at every step."""

    def __init__(self, *, setup: Setup, directory: Directory, set_ups: SetUps, telegram: TelegramChats) -> None:
        self._setup = setup
        self._directory = directory
        self._set_ups = set_ups
        self._telegram = telegram

    async def begin(self, bot: BotId, user: UserId, group: GroupId) -> SetUp | Refused:
        """Begin to set a group up, for one who may."""
        refusal = await self._refusal(bot, user, group)
        if refusal is not None:
            return refusal
        info = await self._telegram.chat(bot, group)
        return await self._set_ups.open(bot, user, info, self._required(bot, group))

    async def get(self, bot: BotId, user: UserId, number: int) -> SetUp | None:
        """Return what this user began."""
        return await self._set_ups.get(bot, user, number)

    async def latest(self, bot: BotId, user: UserId) -> SetUp | None:
        """Return what the user began last, within the hour."""
        return await self._set_ups.latest(bot, user)

    async def find(self, set_up: SetUp, reference: str) -> ChannelId | Refused:
        """Find the channel that an admin names. Raises TelegramUnavailableError."""
        info = await self._setup.find_channel(set_up.bot_id, reference)
        return Refused((info,), set_up) if isinstance(info, Problem) else ChannelId(info.chat_id)

    async def pick(
        self, set_up: SetUp, channel: ChannelId, language: str, how: How | None = None
    ) -> Done | Choice | Refused | None:
        """Require the channel; None when the same pick, told twice by Telegram, has been answered."""
        outcome = await self._picked(set_up, channel, language, how)
        if how is None and not await self._set_ups.pick(set_up.set_up_id, channel):
            return None
        return outcome

    async def _picked(
        self, set_up: SetUp, channel: ChannelId, language: str, how: How | None
    ) -> Done | Choice | Refused:
        refusal = await self._refusal(set_up.bot_id, set_up.user_id, set_up.group_id)
        if refusal is not None:
            return refusal
        required = self._required(set_up.bot_id, set_up.group_id)
        group = self._directory.group(set_up.bot_id, set_up.group_id)
        if how is None and group is not None and required and channel not in required:
            return Choice(set_up, group, await self._telegram.chat(set_up.bot_id, channel))
        kept = required if how is How.ADD or channel in required else ()
        return await self._require(set_up, tuple(dict.fromkeys((*kept, channel))), language)

    async def undo(self, set_up: SetUp, language: str) -> Refused | None:
        """Put back what was required when the set-up began."""
        refusal = await self._refusal(set_up.bot_id, set_up.user_id, set_up.group_id)
        if refusal is not None:
            return refusal
        if set_up.before:
            outcome = await self._require(set_up, set_up.before, language)
            return outcome if isinstance(outcome, Refused) else None
        await self._setup.unprotect(set_up.bot_id, set_up.group_id, set_up.user_id)
        return None

    async def _require(self, set_up: SetUp, channels: tuple[ChannelId, ...], language: str) -> Done | Refused:
        request = Request(
            bot_id=set_up.bot_id,
            group_id=set_up.group_id,
            title=set_up.title,
            username=set_up.username,
            basic_group=set_up.basic_group,
            by=set_up.user_id,
            language=language,
            references=tuple(str(channel) for channel in channels),
            trusted=(*set_up.before, *self._required(set_up.bot_id, set_up.group_id)),
        )
        outcome = await self._setup.protect(request)
        return Refused(outcome, set_up) if isinstance(outcome, tuple) else Done(set_up, outcome)

    async def _refusal(self, bot: BotId, user: UserId, group: GroupId) -> Refused | None:
        try:
            may = await self._setup.may_configure(bot, group, user)
        except TelegramRefusedError:
            return Refused((Problem("onboarding.no_group", {}),))
        return None if may else Refused((Problem("command.admins_only", {}),))

    def _required(self, bot: BotId, group: GroupId) -> tuple[ChannelId, ...]:
        found = self._directory.group(bot, group)
        return found.channel_ids if found is not None and found.protected else ()

"""Turning the gate on and off: who may, with which channels, and what is missing."""

from dataclasses import dataclass

from bot.domain.consent import Ruling, decides
from bot.domain.errors import ChannelVetoedError, TelegramRefusedError
from bot.domain.group import Channel, ChatInfo, GroupSetup, ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement, JoinRequests, Locked, Policy, in_force
from bot.services.groups.channels import Channels
from bot.services.groups.directory import Directory
from bot.services.groups.links import InviteLinks
from bot.services.groups.rights import missing_in_group
from bot.services.ports.groups import GroupStore
from bot.services.ports.ledger import CaseReader
from bot.services.ports.runtime import Poke, Waker
from bot.services.ports.telegram import TelegramChats

# Ten buttons still fit a phone's screen; Telegram's own limits lie far above.
MOST_CHANNELS = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing was done, as the key of a sentence and what goes into it."""

    key: str
    values: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Request:
    """What an admin asks for in a group."""

    bot_id: BotId
    group_id: GroupId
    title: str
    username: str | None
    basic_group: bool
    by: UserId
    language: str
    references: tuple[str, ...]
    """`@name` or `-100...`, as typed."""
    trusted: tuple[ChannelId, ...] = ()
    """Channels that the group requires, or required a moment ago: that their admins agree has been proven."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a group stands."""

    group: ProtectedGroup
    muted: int
    problems: tuple[Problem, ...]


class Setup:
    """Protects, unprotects and reports. Checks everything first: a half-made gate is worse than none."""

    def __init__(
        self,
        *,
        directory: Directory,
        groups: GroupStore,
        ledger: CaseReader,
        telegram: TelegramChats,
        channels: Channels,
        links: InviteLinks,
        wake: Waker,
        poke: Poke,
    ) -> None:
        self._channels = channels
        self._links = links
        self._directory = directory
        self._groups = groups
        self._ledger = ledger
        self._telegram = telegram
        self._wake = wake
        self._poke = poke

    def is_kept(self, bot: BotId, group: GroupId) -> bool:
        """Whether the owner has kept everything to themselves, what is required and who is checked included."""
        known = self._directory.group(bot, group)
        return known is not None and known.policy.locked is Locked.ALL

    async def may_configure(self, bot: BotId, group: GroupId, user: UserId, *, to_look: bool = False) -> bool:
        """Whether the user owns the group or is an admin who may restrict members. Asked of Telegram each time.

        Where the owner has kept everything, admins may look and change nothing.
        """
        state = await self._telegram.member_state(bot, group, user)
        if self.is_kept(bot, group) and not to_look:
            return state.role is Role.OWNER
        return state.is_admin and "can_restrict_members" in state.rights

    async def protect(self, request: Request) -> ProtectedGroup | tuple[Problem, ...]:
        """Make these channels the ones to be in, or name everything that is missing and change nothing."""
        known = self._directory.group(request.bot_id, request.group_id)
        policy = Policy() if known is None else known.policy
        enforcement = in_force(policy.enforcement, basic_group=request.basic_group)
        problems = await self._problems_of_group(request.bot_id, request.group_id, enforcement)
        channels: list[Channel] = []
        for reference in dict.fromkeys(request.references):
            found = await self._channel(request, reference)
            if isinstance(found, Problem):
                problems.append(found)
            elif found not in channels:
                channels.append(found)
        if problems:
            return tuple(problems)
        setup = GroupSetup(
            bot_id=request.bot_id,
            group_id=request.group_id,
            title=request.title,
            username=request.username,
            basic_group=request.basic_group,
            language=request.language,
            channels=tuple(channels),
            by=request.by,
        )
        try:
            woken = await self._groups.protect(setup)
        except ChannelVetoedError as error:
            return (Problem("setup.vetoed", {"channel": str(error)}),)
        await self._applied(request.bot_id, woken)
        group = self._directory.group(request.bot_id, request.group_id)
        return group if group is not None else (Problem("setup.gone", {}),)

    async def unprotect(self, bot: BotId, group: GroupId, by: UserId) -> int | None:
        """Open the group to everybody; return how many are being freed, None when it was open."""
        freed = await self._groups.unprotect(bot, group, by)
        if freed is None:
            return None
        await self._applied(bot, freed)
        return len(freed)

    async def status(self, bot: BotId, group_id: GroupId) -> Status | None:
        """Report on a group, asking Telegram for the bot's rights; None when it is not protected."""
        group = self._directory.group(bot, group_id)
        if group is None or not group.protected:
            return None
        problems = await self._problems_of_group(bot, group_id, group.enforcement, group.policy.join_requests)
        for channel in group.channels:
            state = await self._own_state(bot, channel.channel_id)
            if not state.is_admin:
                problems.append(Problem("setup.bot_not_in_channel", {"channel": channel.title}))
            elif group.policy.pending_minutes and "can_invite_users" not in state.rights:
                problems.append(Problem("setup.unseen_requests", {"channel": channel.title}))
        return Status(group, await self._ledger.count_open(bot, group_id), tuple(problems))

    async def moved(self, bot: BotId, old: GroupId, new: GroupId) -> None:
        """Follow a group that became a supergroup. Doing it twice changes nothing."""
        await self._applied(bot, await self._groups.move(bot, old, new))

    async def _applied(self, bot: BotId, woken: tuple[CaseId, ...]) -> None:
        """Make a committed change take effect here at once, and soon everywhere."""
        await self._directory.refresh()
        await self._poke()
        self._wake(bot, woken)

    async def _problems_of_group(
        self, bot: BotId, group: GroupId, enforcement: Enforcement, requests: JoinRequests = JoinRequests.LEAVE
    ) -> list[Problem]:
        state = await self._telegram.member_state(bot, group, UserId(bot))
        missing = missing_in_group(state, enforcement)
        if missing.not_admin:
            return [Problem("setup.bot_not_admin", {})]
        rights = list(missing.rights)
        if requests is not JoinRequests.LEAVE and "can_invite_users" not in state.rights:
            # Telegram does not even tell of requests then.
            rights.append("can_invite_users")
        return [Problem(f"setup.missing.{right}", {}) for right in rights]

    async def find_channel(self, bot: BotId, reference: str) -> ChatInfo | Problem:
        """Find the channel that somebody names. Raises TelegramUnavailableError."""
        shown: dict[str, str | int] = {"channel": reference}
        try:
            info = await self._telegram.chat(bot, _chat_reference(reference))
        except TelegramRefusedError:
            return Problem("setup.channel_not_found", shown)
        return info if info.kind == "channel" else Problem("setup.not_a_channel", shown)

    async def _channel(self, request: Request, reference: str) -> Channel | Problem:
        """Find a channel, prove that both the bot and the caller are admins there, and heed whom it belongs to."""
        info = await self.find_channel(request.bot_id, reference)
        if isinstance(info, Problem):
            return info
        channel = ChannelId(info.chat_id)
        shown: dict[str, str | int] = {"channel": info.title}
        if not (await self._own_state(request.bot_id, channel)).is_admin:
            return Problem("setup.bot_not_in_channel", shown)
        caller = await self._state(request.bot_id, channel, request.by)
        if channel not in request.trusted and not caller.is_admin:
            return Problem("setup.caller_not_in_channel", shown)
        group = (request.group_id, request.title)
        ruling, terms = await self._channels.rule(
            request.bot_id,
            (channel, info.title),
            group,
            request.by,
            decides=decides(caller),
            language=request.language,
        )
        if ruling is not Ruling.YES:
            return Problem("setup.vetoed" if ruling is Ruling.NO else "setup.consent", shown)
        link = await self._links.working(request.bot_id, channel, group, terms.invite_link)
        return Channel(channel, info.title, info.username, link)

    async def _own_state(self, bot: BotId, channel: ChannelId) -> MemberState:
        return await self._state(bot, channel, UserId(bot))

    async def _state(self, bot: BotId, channel: ChannelId, user: UserId) -> MemberState:
        try:
            return await self._telegram.member_state(bot, GroupId(channel), user)
        except TelegramRefusedError:
            return MemberState(Role.LEFT, is_member=False)


def _chat_reference(reference: str) -> str | int:
    """Read what was typed: a number, a name, or a link to a public channel."""
    text = reference.strip().removeprefix("https://").removeprefix("http://").removeprefix("t.me/")
    try:
        return int(text)
    except ValueError:
        return "@" + text.removeprefix("@")

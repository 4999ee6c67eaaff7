"""What operators do with a group. Every change stands in the audit log, with who and from where."""

import html
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.announcement import checked_message, cut
from bot.domain.errors import (
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    TelegramRefusedError,
    TelegramUnavailableError,
    TokenRefusedError,
)
from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.message import Outgoing
from bot.domain.operator import Operator, Rank
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import SETTINGS, JoinRequests, Locked, Policy, choose, needed_in_group, options
from bot.services.ports.operating import Chats, Gates, KnownGroups, Notes, Rights
from bot.services.ports.runtime import Clock

_PAUSES = (1.0, 2.0, 4.0)
# In all, with the last call: whoever waits for the answer gives up after 30.
_LONGEST_SECONDS = 25.0

_TO_INVITE = "can_invite_users"


@dataclass(frozen=True, slots=True)
class RightsOf:
    """What the bot may do in one chat that a group depends on. Its rights by name: True given, False lacking."""

    chat_id: int
    title: str
    is_channel: bool
    is_admin: bool
    rights: tuple[tuple[str, bool], ...]
    wanted: tuple[tuple[str, bool], ...]
    """Rights for something that the gate stands without."""
    link: str | None
    """Where members join; None for a group, and for a channel without a link."""

    @property
    def is_enough(self) -> bool:
        """Whether nothing is missing that the gate needs."""
        return self.is_admin and all(given for _, given in self.rights)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing that is wanted besides."""
        return all(given for _, given in self.wanted)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message."""

    parts: int


class GroupDesk:
    """Pauses, resumes, compares, sets, writes. Raises NotFoundError for a group the bot does not know."""

    def __init__(
        self, *, groups: KnownGroups, gates: Gates, rights: Rights, telegram: Chats, notes: Notes, clock: Clock
    ) -> None:
        self._groups = groups
        self._gates = gates
        self._rights = rights
        self._telegram = telegram
        self._notes = notes
        self._clock = clock

    async def pause(self, who: Operator, bot: BotId, group: GroupId) -> bool:
        """Check nobody there and free everybody; False when an operator or admin has done so already."""
        return await self._gates.pause(self._protected(who, bot, group), who.actor)

    async def resume(self, who: Operator, bot: BotId, group: GroupId) -> bool:
        """Check again; return whether the group is gated now. Where rights are missing it is not, until they are back.

        Raises TelegramError when Telegram does not tell the rights.
        """
        known = self._protected(who, bot, group)
        if known.gating:
            return True
        await self._gates.resume(known, who.actor)
        return await self._settled(known)

    async def recheck(self, who: Operator, bot: BotId, group: GroupId) -> bool:
        """Ask Telegram for the bot's rights and act on them; return whether the group is gated now."""
        known = self._protected(who, bot, group)
        gated = await self._settled(known)
        await self._notes.note(who.actor, bot, "recheck", group, {"gated": gated})
        return gated

    async def choose(self, who: Operator, bot: BotId, group: GroupId, choices: Mapping[str, str]) -> ProtectedGroup:
        """Choose some of the group's settings, by name; return the group as it is then. Raises InvalidInputError.

        What its owner keeps to themselves stays theirs.
        """
        known = self._protected(who, bot, group)
        policy = _with(known.policy, choices)
        if policy == known.policy:
            return known
        if known.policy.locked is not Locked.OFF:
            raise NotAllowedError("the group's owner has locked its settings; only they change them, in the chat")
        if policy.locked is not known.policy.locked:
            raise NotAllowedError("only the group's owner locks its settings, in the chat")
        return await self._gates.choose(known, policy, who.actor)

    async def rights(self, who: Operator, bot: BotId, group: GroupId) -> tuple[RightsOf, ...]:
        """Ask Telegram what the bot may do in the group and its channels; nothing is changed."""
        who.need(Rank.VIEWER, bot)
        known = self._known(bot, group)
        own = await self._own_state(bot, known.group_id)
        needed = needed_in_group(known.enforcement)
        of_group = RightsOf(
            known.group_id,
            known.title,
            is_channel=False,
            is_admin=own.is_admin or not needed,
            rights=tuple((right, right in own.rights) for right in needed),
            wanted=_wanted(own, is_wanted=known.policy.join_requests is not JoinRequests.LEAVE),
            link=None,
        )
        return of_group, *[await self._in_channel(known, channel) for channel in known.channels]

    async def _in_channel(self, group: ProtectedGroup, channel: Channel) -> RightsOf:
        own = await self._own_state(group.bot_id, GroupId(channel.channel_id))
        return RightsOf(
            channel.channel_id,
            channel.title,
            is_channel=True,
            is_admin=own.is_admin,
            rights=(),
            # It makes the links that a private channel is joined by, and shows who has asked to join.
            wanted=_wanted(own, is_wanted=channel.username is None or group.policy.pending_minutes > 0),
            link=channel.join_url,
        )

    async def send(self, who: Operator, bot: BotId, group: GroupId, text: str) -> Sent:
        """Write to the group as the bot. Raises InvalidInputError, TooLargeError and TelegramError."""
        who.need(Rank.OPERATOR, bot)
        known, parts = self._known(bot, group), cut(checked_message(text))
        done, latest = 0, self._clock.monotonic() + _LONGEST_SECONDS
        try:
            for part in parts:
                message = Outgoing(html.escape(part, quote=False), silent=False)
                await self._say(bot, known.group_id, message, latest=latest)
                done += 1
        finally:
            if done:
                detail = {"parts": done, "of": len(parts), "characters": len(text)}
                await self._notes.note(who.actor, bot, "send_message", group, detail)
        return Sent(done)

    async def _say(self, bot: BotId, group: GroupId, message: Outgoing, *, latest: float) -> None:
        """Send it, up to three times again while Telegram surely has not got it: nothing is said twice."""
        for pause in (*_PAUSES, None):
            try:
                await self._telegram.send(bot, group, message)
            except TokenRefusedError:
                raise
            except TelegramUnavailableError as error:
                wait = max(pause or 0.0, error.retry_after or 0.0)
                if error.nothing_done and pause is not None and self._clock.monotonic() + wait < latest:
                    await self._clock.sleep(wait)
                    continue
                raise TelegramUnavailableError(
                    method=error.method,
                    description=f"{error.description}; "
                    + ("nothing was sent" if error.nothing_done else "whether it was sent is unknown"),
                    retry_after=error.retry_after,
                ) from error
            return

    async def _settled(self, group: ProtectedGroup) -> bool:
        for chat in (group.group_id, *group.channel_ids):
            await self._rights.changed(group.bot_id, chat)
        fresh = self._groups.group(group.bot_id, group.group_id)
        return fresh is not None and fresh.gating

    async def _own_state(self, bot: BotId, chat: GroupId) -> MemberState:
        try:
            return await self._telegram.member_state(bot, chat, UserId(bot))
        except TelegramRefusedError:
            # Telegram refuses to show a chat that the bot was removed from.
            return MemberState(Role.LEFT, is_member=False)

    def _protected(self, who: Operator, bot: BotId, group: GroupId) -> ProtectedGroup:
        who.need(Rank.OPERATOR, bot)
        known = self._known(bot, group)
        if not known.protected:
            raise NotFoundError(f"the group {group} is not protected")
        return known

    def _known(self, bot: BotId, group: GroupId) -> ProtectedGroup:
        known = self._groups.group(bot, group)
        if known is None:
            raise NotFoundError(f"the bot {bot} knows no group {group}")
        return known


def _with(policy: Policy, choices: Mapping[str, str]) -> Policy:
    for name, option in choices.items():
        if name not in SETTINGS:
            raise InvalidInputError(name, f"a group has no setting of the name {name}")
        try:
            policy = choose(policy, name, option)
        except ValueError:
            raise InvalidInputError(name, f"{name} is one of {', '.join(options(name))}") from None
    return policy


def _wanted(own: MemberState, *, is_wanted: bool) -> tuple[tuple[str, bool], ...]:
    """Tell whether the bot may invite, where something waits for it or it may."""
    given = _TO_INVITE in own.rights
    return ((_TO_INVITE, given),) if given or is_wanted else ()

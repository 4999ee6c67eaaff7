"""What Telegram tells of members: joins and leaves in channels, and everything that happens to them in groups."""

from bot.domain.event import Cause
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.intent import (
    Arrived,
    Asked,
    AskedNoMore,
    AsksAgain,
    Brought,
    Echo,
    Intent,
    Moderated,
    Pardon,
    Regate,
    Want,
    WentAway,
)
from bot.domain.member_change import MemberChange
from bot.domain.membership import Allow, Membership, Require, judge
from bot.domain.permissions import Role
from bot.domain.policy import JoinRequests
from bot.domain.restriction import Wanted
from bot.services.gate.admission import Doorkeeper, Speaker
from bot.services.gate.overwritten import Overwritten
from bot.services.groups.directory import Directory
from bot.services.membership.activity import Activity
from bot.services.ports.ledger import CaseReader
from bot.services.ports.membership import MembershipCache


class MemberEvents:
    """Turns a change of membership into intents. The membership itself is recorded before anything is asked."""

    def __init__(
        self,
        *,
        directory: Directory,
        activity: Activity,
        cache: MembershipCache,
        ledger: CaseReader,
        doorkeeper: Doorkeeper,
        overwritten: Overwritten,
    ) -> None:
        self._directory = directory
        self._activity = activity
        self._cache = cache
        self._ledger = ledger
        self._doorkeeper = doorkeeper
        self._overwritten = overwritten

    async def in_channel(self, change: MemberChange) -> tuple[Intent, ...]:
        """Record the membership; free whom it frees in every group, and look again at whom it does not."""
        channel = ChannelId(change.chat_id)
        if not self._directory.follows(change.bot_id, channel):
            return ()
        answer = Membership.MEMBER if change.new.is_member else Membership.ABSENT
        await self._cache.record(change.bot_id, change.user_id, channel, answer, change.stamp)
        # Whatever becomes of somebody there, their request is over.
        over = (
            (AskedNoMore(change.bot_id, change.user_id, channel),)
            if self._pending_counts(change.bot_id, channel)
            else ()
        )
        if change.joined:
            asks = any(
                group.policy.join_requests is not JoinRequests.LEAVE
                for group in self._directory.guarded_by(change.bot_id, channel)
            )
            again = (AsksAgain(change.bot_id, change.user_id),) if asks else ()
            link = change.invite_link
            by_link = (Brought(change.bot_id, channel, change.user_id, link),) if link else ()
            return *over, *again, *by_link, *await self._joined(change, channel)
        if change.left and not change.is_bot:
            # Who spoke a second ago is known to have spoken.
            await self._activity.flush()
            return *over, Regate(change.bot_id, change.user_id, channel, change.user_name, change.language)
        return over

    async def asked(self, bot: BotId, user: UserId, channel: ChannelId) -> tuple[Intent, ...]:
        """Note that somebody asks to join a channel, where that counts, and look again at whom it may free."""
        groups = {group.group_id: group for group in self._pending_counts(bot, channel)}
        if not groups:
            return ()
        cases = tuple(case for case, group in await self._ledger.of_user(bot, user, channel) if group in groups)
        asked, again = Asked(bot, user, channel), Want(cases, Wanted.CHECK, Cause.ASKED_CHANNEL)
        return asked, AsksAgain(bot, user), *([again] if cases else ())

    def _pending_counts(self, bot: BotId, channel: ChannelId) -> list[ProtectedGroup]:
        """Return the groups where a request to join the channel counts as having joined it."""
        return [group for group in self._directory.guarded_by(bot, channel) if group.policy.pending_minutes]

    async def _joined(self, change: MemberChange, channel: ChannelId) -> tuple[Intent, ...]:
        """Want freedom where this was the last missing channel, another look where it may not have been."""
        free: list[CaseId] = []
        check: list[CaseId] = []
        for case_id, group_id in await self._ledger.of_user(change.bot_id, change.user_id, channel):
            group = self._directory.group(change.bot_id, group_id)
            others = [required for required in group.channel_ids if required != channel] if group else []
            known = {other: self._cache.recall(change.bot_id, change.user_id, other) for other in others}
            standing = {other: answer or Membership.UNKNOWN for other, answer in known.items()}
            standing[channel] = Membership.MEMBER
            require = group.policy.require if group else Require.ALL
            (free if isinstance(judge(standing, require), Allow) else check).append(case_id)
        wants = (
            Want(tuple(free), Wanted.FREE, Cause.JOINED_CHANNEL),
            Want(tuple(check), Wanted.CHECK, Cause.JOINED_CHANNEL),
        )
        return tuple(want for want in wants if want.case_ids)

    async def in_group(self, change: MemberChange) -> tuple[Intent, ...]:
        """Gate whoever came in; respect what other moderators do; compare the echo of our own calls."""
        group = GroupId(change.chat_id)
        if change.is_bot or self._directory.group(change.bot_id, group) is None:
            return ()
        if change.actor == UserId(change.bot_id):
            return *_echo(change, group), *await self._overwritten.put_right(change, group)
        if change.old.is_admin or change.new.is_admin:
            self._doorkeeper.admins_changed(change.bot_id, group)
        intents: list[Intent] = []
        if _restricted_by_somebody(change):
            banned = change.new.role is Role.BANNED
            if change.new.role is Role.MEMBER and change.old.until is not None:
                intents.append(Pardon(change.bot_id, group, change.user_id, change.old.until, change.actor))
            intents.append(Moderated(change.bot_id, group, change.user_id, change.new.restriction, banned=banned))
        if change.left and change.new.role is not Role.BANNED:
            intents.append(WentAway(change.bot_id, group, change.user_id))
        if change.joined:
            intents.append(Arrived(change.bot_id, group, change.user_id))
        if change.joined and not change.new.is_admin:
            speaker = Speaker(change.bot_id, group, change.user_id, change.user_name, language=change.language)
            intents.extend(await self._at_the_door(change, speaker))
        return tuple(intents)

    async def _at_the_door(self, change: MemberChange, speaker: Speaker) -> tuple[Intent, ...]:
        """Judge somebody who came in. Who may pass and is muted by us all the same is looked at again."""
        intents = (await self._doorkeeper.look(speaker))[1]
        if intents or change.new.may_send:
            return intents
        case = await self._ledger.open_case(speaker.bot_id, speaker.group_id, speaker.user_id)
        return () if case is None else (Want((case,), Wanted.CHECK, Cause.RETURN),)


def _echo(change: MemberChange, group: GroupId) -> tuple[Intent, ...]:
    """Only a mute matters: one that lands late would outlive its case."""
    if change.new.may_send or change.new.until is None:
        return ()
    return (Echo(change.bot_id, group, change.user_id, change.new.until),)


def _restricted_by_somebody(change: MemberChange) -> bool:
    """Whether the change is about rights; leaving and coming back keeps a restriction as it is."""
    return change.old.restriction != change.new.restriction or Role.BANNED in {change.old.role, change.new.role}

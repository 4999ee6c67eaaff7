"""The doctor in the chat: what the bot needs in a group and its channels, why, and whether it has it."""

from dataclasses import dataclass, field
from enum import Enum

from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement, JoinRequests, needed_in_group
from bot.services.groups.links import InviteLinks, Renewal
from bot.services.groups.rights import PAUSED_BY_ADMIN
from bot.services.ports.telegram import TelegramStates


class Mark(Enum):
    """How something stands; the values are what people see."""

    FINE = "✅"
    LACKING = "❌"
    WARNING = "⚠️"
    UNKNOWN = "❔"
    NOTE = "🔹"


@dataclass(frozen=True, slots=True)
class Symptom:
    """One line of a diagnosis: keys of sentences, and what goes into them."""

    mark: Mark
    what: str
    why: str | None = None
    remedy: str | None = None
    values: dict[str, str | int] = field(default_factory=dict)


class Clinic:
    """Asks Telegram, never a memory: whoever asks has just changed something."""

    def __init__(self, *, telegram: TelegramStates, links: InviteLinks) -> None:
        self._telegram = telegram
        self._links = links

    async def examine(
        self, bot: BotId, chat: GroupId, group: ProtectedGroup | None, *, basic: bool
    ) -> tuple[Symptom, ...]:
        """Look at a group; `group` is None where none of its settings are known."""
        protected = group if group is not None and group.protected else None
        found = await self._in_group(bot, chat, protected, basic=basic)
        if protected is None:
            return (*found, Symptom(Mark.NOTE, "status.off"))
        for channel in protected.channels:
            found += await self._in_channel(protected, channel)
        return (*found, *_gate(protected, found))

    async def _in_group(self, bot: BotId, chat: GroupId, group: ProtectedGroup | None, *, basic: bool) -> list[Symptom]:
        state = await self._own(bot, chat)
        if state is None:
            return [Symptom(Mark.UNKNOWN, "doctor.admin", remedy="doctor.unknown")]
        enforcement = Enforcement.DELETE if basic else Enforcement.MUTE
        needed = needed_in_group(group.enforcement if group is not None else enforcement)
        if not state.is_admin:
            return [Symptom(Mark.LACKING, "doctor.admin", remedy="setup.bot_not_admin")]
        found = [Symptom(Mark.FINE, "doctor.admin")]
        for right in needed:
            why = f"doctor.why.{right}"
            if right in state.rights:
                found.append(Symptom(Mark.FINE, f"right.{right}", why))
            else:
                found.append(Symptom(Mark.LACKING, f"right.{right}", why, f"setup.missing.{right}"))
        if group is not None and group.policy.join_requests is not JoinRequests.LEAVE:
            # The gate stands without it: only requests go unanswered.
            has, right = "can_invite_users" in state.rights, "can_invite_users"
            remedy = None if has else f"setup.missing.{right}"
            mark = Mark.FINE if has else Mark.WARNING
            found.append(Symptom(mark, f"right.{right}", f"doctor.why.{right}", remedy))
        return found

    async def _in_channel(self, group: ProtectedGroup, channel: Channel) -> list[Symptom]:
        state, values = await self._own(group.bot_id, channel.channel_id), {"channel": channel.title}
        what, why = "right.channel_admin", "doctor.why.channel"
        if state is None:
            return [Symptom(Mark.UNKNOWN, what, why, "doctor.unknown", {**values})]
        if not state.is_admin:
            return [Symptom(Mark.LACKING, what, why, "setup.bot_not_in_channel", {**values})]
        found = [Symptom(Mark.FINE, what, why, values={**values})]
        if group.policy.pending_minutes and "can_invite_users" not in state.rights:
            unseen = Symptom(Mark.WARNING, "right.can_invite_users", remedy="setup.unseen_requests", values={**values})
            found.append(unseen)
        return found + await self._link(group, channel)

    async def _link(self, group: ProtectedGroup, channel: Channel) -> list[Symptom]:
        """Make another link where an admin of the channel has revoked it: Telegram tells nobody of that."""
        values: dict[str, str | int] = {"channel": channel.title}
        try:
            renewal = await self._links.renew(group, channel)
        except TelegramUnavailableError:
            return []
        if renewal is Renewal.MADE:
            return [Symptom(Mark.NOTE, "doctor.new_link", values=values)]
        return [] if channel.join_url is not None else [Symptom(Mark.WARNING, "doctor.no_link", values=values)]

    async def _own(self, bot: BotId, chat: int) -> MemberState | None:
        """Return the bot's own state; None when Telegram does not say."""
        try:
            return await self._telegram.member_state(bot, GroupId(chat), UserId(bot))
        except TelegramUnavailableError:
            return None
        except TelegramRefusedError:
            # Telegram refuses to show a chat that the bot was removed from.
            return MemberState(Role.LEFT, is_member=False)


def _gate(group: ProtectedGroup, found: list[Symptom]) -> list[Symptom]:
    """Say what all that means for the gate."""
    said: list[Symptom] = []
    if group.paused_reason == PAUSED_BY_ADMIN:
        said.append(Symptom(Mark.NOTE, "doctor.paused"))
    elif any(each.mark is Mark.LACKING for each in found):
        said.append(Symptom(Mark.WARNING, "doctor.open"))
    if group.policy.enforcement is Enforcement.OBSERVE:
        said.append(Symptom(Mark.NOTE, "doctor.observes"))
    if group.basic_group:
        said.append(Symptom(Mark.NOTE, "onboarding.basic"))
    return said

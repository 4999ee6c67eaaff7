"""Whether a group may require a channel: what those say to whom the channel belongs."""

from dataclasses import dataclass
from enum import Enum

from bot.domain.ids import CaseId, ChannelId, GroupId, UserId
from bot.domain.permissions import MemberState, Role


class Answer(Enum):
    """What was said to one group about one channel."""

    NONE = "none"
    ASKED = "asked"
    """The group waits for an answer."""
    ALLOWED = "allowed"
    VETOED = "vetoed"


class Ruling(Enum):
    """Whether a group may require a channel from now on."""

    YES = "yes"
    ASK = "ask"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a channel stands to a group that wants to require it."""

    consent: bool = False
    """Only groups that were allowed may require the channel."""
    contact: UserId | None = None
    """Who made the bot an admin of the channel, to be asked."""
    answer: Answer = Answer.NONE
    invite_link: str | None = None
    """The group's own link into the channel."""


@dataclass(frozen=True, slots=True)
class Use:
    """One group that requires a channel, did so, or asks to."""

    group_id: GroupId
    title: str
    answer: Answer
    in_use: bool
    joins: int
    """How many came into the channel by the group's link."""


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """A channel, for those to whom it belongs."""

    channel_id: ChannelId
    title: str
    consent: bool
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """A group had to stop requiring a channel."""

    woken: tuple[CaseId, ...]
    is_open: bool
    """It was the last one: the group is not protected any more."""


def rule(terms: Terms, *, in_use: bool, decides: bool) -> Ruling:
    """Decide on a group; `decides` says that whoever sets it up could allow it themselves.

    A veto stands until it is taken back. Asking first came later than who requires the channel already.
    """
    if terms.answer is Answer.VETOED:
        return Ruling.NO
    if not terms.consent or terms.answer is Answer.ALLOWED or in_use or decides:
        return Ruling.YES
    return Ruling.ASK


def decides(state: MemberState) -> bool:
    """Whether somebody speaks for a channel: the owner, and whom the owner lets appoint admins, the bot among them."""
    return state.role is Role.OWNER or (state.is_admin and "can_promote_members" in state.rights)

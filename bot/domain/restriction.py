"""The life of one restriction: what GMBot wants of a user in a group, what it has done, and the next step.

A case is driven by a single lease holder. Anybody may change `wanted`; the holder reads it again after every
call to Telegram, so the step chosen here is always chosen from what is true now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from bot.domain.ids import BotId, CaseId, ChannelId, EphemeralId, GroupId, MessageId, TopicId, UserId
from bot.domain.permissions import MemberState, Prior, Role
from bot.domain.policy import Enforcement, Policy


class Wanted(Enum):
    """What should become of the user."""

    CHECK = "check"
    MUTE = "mute"
    FREE = "free"


class Done(Enum):
    """What GMBot has done in Telegram so far."""

    NOTHING = "nothing"
    MUTING = "muting"
    """Committed before the call, so that a crash leaves a trace: the mute may or may not be in force."""
    MUTED = "muted"
    NOTICED = "noticed"
    """Enforcement is deletion: nobody is muted, the prompt stands."""
    LIFTED = "lifted"


# How a case ends whose group only observes.
OBSERVED = "observed"


class PromptState(Enum):
    """Where the case's prompt is."""

    NONE = "none"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the ledger."""

    case_id: CaseId
    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    user_name: str
    language: str
    """The member's, or the group's where theirs is not known."""
    enforcement: Enforcement
    wanted: Wanted
    done: Done
    version: int
    attempts: int
    prior: Prior | None
    our_until: datetime | None
    delete_ids: tuple[MessageId, ...]
    topic_id: TopicId | None
    prompt_state: PromptState
    prompt_message_id: MessageId | None
    prompt_channels: tuple[ChannelId, ...]
    opened_at: datetime
    done_at: datetime | None = None
    prompt_sent_at: datetime | None = None
    review_version: int | None = None
    kick_from: datetime | None = None
    """When the group began to remove people; None for a case that was opened since."""
    configuration: int = 0
    """The number of the last change of the group's settings that reached the case: it is judged by no older ones."""
    prompt_ephemeral_id: EphemeralId | None = None
    """The prompt that only the member sees; in any state but SENT it tells that one stood in vain, or was refused."""
    prompt_seen: bool = False
    """The member has pressed the button of the prompt that only they see."""

    @property
    def shares_prompt(self) -> bool:
        """Whether the group's one prompt for many stands for this case, which has none of its own."""
        has_own = self.prompt_message_id is not None or self.prompt_ephemeral_id is not None
        return self.prompt_state is PromptState.SENT and not has_own

    @property
    def under_review(self) -> bool:
        """Whether the case is compared with Telegram. Any change of the case ends that."""
        return self.version == self.review_version


@dataclass(frozen=True, slots=True)
class CaseCopy:
    """What a lift needs to know of a case that may have muted somebody."""

    case_id: CaseId
    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    version: int
    our_until: datetime
    prior: Prior | None
    prompt_message_id: MessageId | None


class Step(Enum):
    """What the lease holder does next."""

    ASK = "ask"
    PREPARE = "prepare"
    MUTE = "mute"
    NOTICE = "notice"
    DELETE_MESSAGES = "delete_messages"
    PROMPT = "prompt"
    REST = "rest"
    OBSERVE = "observe"
    LIFT = "lift"
    DELETE_PROMPT = "delete_prompt"
    CLOSE = "close"


def next_step(case: Case) -> Step:
    """Choose the next step. Every chain of steps ends in REST or CLOSE."""
    match case.wanted:
        case Wanted.CHECK:
            return Step.ASK
        case Wanted.MUTE:
            return _observing(case) if case.enforcement is Enforcement.OBSERVE else _towards_mute(case)
        case Wanted.FREE:
            return _towards_freedom(case)


def _towards_mute(case: Case) -> Step:
    match case.done:
        case Done.NOTHING | Done.LIFTED:
            return Step.NOTICE if case.enforcement is Enforcement.DELETE else Step.PREPARE
        case Done.MUTING | Done.MUTED if case.enforcement is Enforcement.DELETE:
            return Step.LIFT
        case Done.NOTICED if case.enforcement is not Enforcement.DELETE:
            return Step.PREPARE
        case Done.MUTING:
            return Step.MUTE
        case Done.MUTED | Done.NOTICED:
            if case.delete_ids:
                return Step.DELETE_MESSAGES
            needs_prompt = case.prompt_state in {PromptState.NONE, PromptState.SENDING, PromptState.GONE}
            return Step.PROMPT if needs_prompt else Step.REST


def _observing(case: Case) -> Step:
    """Undo what a stricter gate has done, and note who would have been kept from writing."""
    step = _towards_freedom(case)
    return Step.OBSERVE if step is Step.CLOSE and case.done is Done.NOTHING else step


def _towards_freedom(case: Case) -> Step:
    if case.done in {Done.MUTING, Done.MUTED}:
        return Step.LIFT
    return Step.DELETE_PROMPT if case.prompt_state is PromptState.SENT else Step.CLOSE


def answers_left(case: Case) -> int:
    """Count the answers of Telegram's that a case needs at least until what is wanted of the user is in force."""
    match next_step(case):
        case Step.ASK:
            return 1 if case.done in {Done.MUTED, Done.NOTICED} else 4
        case Step.PREPARE:
            return 3
        case Step.MUTE | Step.NOTICE | Step.LIFT:
            return 2
        case _:
            return 1


class Preparation(Enum):
    """What the user's state in the group means for a mute that is about to happen."""

    GO = "go"
    EXEMPT = "exempt"
    SILENT_ALREADY = "silent_already"


def prepare(state: MemberState, case: Case) -> Preparation:
    """Decide whether to mute somebody who is in this state. Nobody is muted twice, and no admin ever."""
    if state.is_admin:
        return Preparation.EXEMPT
    if state.may_send or is_ours(state, case.our_until):
        return Preparation.GO
    return Preparation.SILENT_ALREADY


def prior_of(state: MemberState, case: Case) -> Prior | None:
    """Tell what to give back later. Our own mute, found again after a crash, is not anybody's prior."""
    return case.prior if is_ours(state, case.our_until) else state.restriction


def is_ours(state: MemberState, our_until: datetime | None) -> bool:
    """Whether the restriction in force is the one GMBot imposed, recognised by its unique end."""
    return our_until is not None and state.restriction is not None and state.until == our_until


class Finding(Enum):
    """What a review finds about somebody who is still absent from a channel."""

    IN_FORCE = "in_force"
    AWAY = "away"
    """The user has left the group; nobody is there to read the prompt."""
    OVERRULED = "overruled"
    """Somebody lifted our mute, banned the user or made them an admin."""
    LOOSENED = "loosened"
    """Somebody put a restriction in the place of our mute that lets the user write."""


def inspect(state: MemberState, case: Case) -> Finding:
    """Compare what a case that rests has done with the user's state in the group."""
    if state.is_admin or state.role is Role.BANNED:
        return Finding.OVERRULED
    if case.done is Done.MUTED and not is_ours(state, case.our_until):
        if state.restriction is None:
            return Finding.OVERRULED
        if state.may_send:
            return Finding.LOOSENED
    return Finding.IN_FORCE if state.is_member else Finding.AWAY


# Telegram lets nobody delete a message that is older than 48 h. The hour is for outages.
PROMPT_LIFE = timedelta(hours=47)
# Telegram does not promise that a message for one member arrives: who neither presses it nor joins gets another.
EPHEMERAL_LIFE = timedelta(seconds=30)


def prompt_ends_at(case: Case) -> datetime | None:
    """Tell when the prompt that stands has to give way to a new one."""
    if case.prompt_state is not PromptState.SENT or case.prompt_sent_at is None or case.shares_prompt:
        return None
    unnoticed = case.prompt_message_id is None and not case.prompt_seen
    return case.prompt_sent_at + (EPHEMERAL_LIFE if unnoticed else PROMPT_LIFE)


def kick_at(case: Case, policy: Policy) -> datetime | None:
    """Tell when somebody muted is removed. A ban wipes out a moderator's restriction, so whoever has one stays."""
    kicks = policy.enforcement is case.enforcement is Enforcement.KICK
    if not kicks or case.done is not Done.MUTED or case.prior is not None or case.done_at is None:
        return None
    # Whoever was muted before the group began to remove people has as long as anybody to join.
    return max(case.done_at, case.kick_from or case.done_at) + timedelta(minutes=policy.kick_minutes)


# A mute ends by itself between these, should GMBot be gone for good.
# Telegram reads 366 days and more as "for ever".
SHORTEST_MUTE = timedelta(days=200)
LONGEST_MUTE = timedelta(days=360)
# An end is used again while so much is left of it: Telegram reads less than 30 s, and the past, as "for ever", too.
_LEFT_OF_AN_END = timedelta(days=1)


def end_of_mute(case: Case, now: datetime) -> datetime:
    """Tell when a mute that is imposed now ends: as noted for the case, so that a late call is known for ours."""
    noted = case.our_until
    return noted if noted is not None and noted - now > _LEFT_OF_AN_END else mute_until(case.case_id, now)


def mute_until(case_id: CaseId, now: datetime) -> datetime:
    """Pick the end of a mute, in whole seconds. Each case has its own, which tells our mute from any other."""
    span = int((LONGEST_MUTE - SHORTEST_MUTE).total_seconds())
    # A multiplier coprime to the span spreads neighbouring ids far apart and repeats only after `span` ids.
    offset = (case_id * 7_368_787) % span
    return (now + SHORTEST_MUTE + timedelta(seconds=offset)).replace(microsecond=0)

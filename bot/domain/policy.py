"""How strict a group's gate is: what its admins choose, each choice with a name and a closed list of options."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType

from bot.domain.membership import Require


class Enforcement(Enum):
    """What happens to somebody who is not in the channels."""

    MUTE = "mute"
    DELETE = "delete"
    """Messages only: also what is left in a basic group, where Telegram has no restrictions."""
    OBSERVE = "observe"
    """Nobody is touched; who would have been is noted."""
    KICK = "kick"
    """Muted first; removed after a while, and free to come back."""


class OnUnknown(Enum):
    """What happens to a message while membership cannot be checked."""

    ALLOW = "pass"
    HOLD = "hold"


class OnLeave(Enum):
    """What happens to somebody who leaves a channel."""

    REGATE = "regate"
    NOTHING = "nothing"
    """Who has once written as a member goes on writing."""


class ChannelPosts(Enum):
    """What happens to what is posted in the name of a channel that is neither linked nor required."""

    ALLOW = "pass"
    REMOVE = "remove"


class Edits(Enum):
    """Whether an edited message is judged as a message."""

    CHECK = "check"
    IGNORE = "ignore"


class JoinRequests(Enum):
    """What happens to requests to join the group."""

    LEAVE = "leave"
    """The group's admins decide."""
    APPROVE = "approve"
    DECLINE = "decline"
    """Like `approve`, and who has not joined after a day is turned away."""


class Prompts(Enum):
    """Who sees the prompt of somebody who may not write."""

    GROUP = "group"
    MEMBER = "member"
    """The member only, where Telegram does it; a prompt that goes unnoticed is followed by one that all see."""


class Commands(Enum):
    """What happens to a bare command of somebody who is not in the channels."""

    REMOVE = "remove"
    ANSWER = "answer"


class Locked(Enum):
    """What the owner keeps to themselves."""

    OFF = "off"
    ON = "on"
    """The settings and the exemptions."""
    ALL = "all"
    """Also what is required, and whether anybody is checked."""


class ServiceMessages(Enum):
    """What happens to Telegram's messages that somebody came or left."""

    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a group's admins have chosen. The field names are the names of the settings."""

    enforcement: Enforcement = Enforcement.MUTE
    kick_minutes: int = 10
    require: Require = Require.ALL
    on_unknown: OnUnknown = OnUnknown.ALLOW
    on_leave: OnLeave = OnLeave.REGATE
    grace_minutes: int = 0
    grandfather: bool = False
    """Who was in the group before it was protected may go on writing."""
    channel_posts: ChannelPosts = ChannelPosts.ALLOW
    edits: Edits = Edits.CHECK
    commands: Commands = Commands.REMOVE
    prompts: Prompts = Prompts.GROUP
    join_requests: JoinRequests = JoinRequests.LEAVE
    pending_minutes: int = 0
    """For so long a request to join a channel counts as having joined it; 0 is not at all."""
    tidy_minutes: int = 1
    """For so long commands and their answers stay in the group; 0 is for good."""
    service_messages: ServiceMessages = ServiceMessages.KEEP
    locked: Locked = Locked.OFF

    @property
    def spares_some(self) -> bool:
        """Whether somebody may write without being in the channels."""
        return self.spares_by_presence or self.pending_minutes > 0

    @property
    def spares_by_presence(self) -> bool:
        """Whether somebody's time in the group may make up for it."""
        return self.grandfather or self.grace_minutes > 0 or self.on_leave is OnLeave.NOTHING


# Minutes that a person picks from; a day is the longest grace that is still a grace. Of a request to join that
# is declined Telegram does not tell: it counts for a day at most.
_OPTIONS = MappingProxyType(
    {
        "kick_minutes": ("5", "10", "30", "60"),
        "grace_minutes": ("0", "5", "60", "1440"),
        "pending_minutes": ("0", "60", "360", "1440"),
        "tidy_minutes": ("0", "1", "5", "60"),
    }
)
_ON_OFF = ("off", "on")
SETTINGS = tuple(field.name for field in fields(Policy))

# In a basic group there are no restrictions, so deleting is all the bot can do.
_NEEDED_FOR = MappingProxyType(
    {
        "can_restrict_members": {Enforcement.MUTE, Enforcement.KICK},
        "can_delete_messages": {Enforcement.MUTE, Enforcement.KICK, Enforcement.DELETE},
    }
)


def options(setting: str) -> tuple[str, ...]:
    """Return the options of a setting. Raises KeyError for one that there is not."""
    value = _defaults()[setting]
    if isinstance(value, Enum):
        return tuple(str(option.value) for option in type(value))
    return _ON_OFF if isinstance(value, bool) else _OPTIONS[setting]


def chosen(policy: Policy, setting: str) -> str:
    """Return the option that is chosen."""
    value = getattr(policy, setting)
    if isinstance(value, Enum):
        return str(value.value)
    return _ON_OFF[value] if isinstance(value, bool) else str(value)


def choose(policy: Policy, setting: str, option: str) -> Policy:
    """Return the policy with another option. Raises ValueError for a setting or an option that there is not."""
    if setting not in SETTINGS or option not in options(setting):
        raise ValueError(f"{setting}={option}")
    default = _defaults()[setting]
    value: object = option
    if isinstance(default, Enum):
        value = type(default)(option)
    elif isinstance(default, bool):
        value = option == "on"
    elif isinstance(default, int):
        value = int(option)
    return replace(policy, **{setting: value})  # type: ignore[arg-type]  # its type is the default's


def changes(before: Policy, after: Policy) -> dict[str, str]:
    """Return the settings that differ, as chosen after."""
    return {name: chosen(after, name) for name in SETTINGS if chosen(before, name) != chosen(after, name)}


def with_changes(policy: Policy, choices: Mapping[str, str]) -> Policy:
    """Return the policy with these settings chosen otherwise. Raises ValueError as `choose` does."""
    for name, option in choices.items():
        policy = choose(policy, name, option)
    return policy


def written(policy: Policy) -> dict[str, str]:
    """Write down what differs from the defaults."""
    plain = Policy()
    return {name: chosen(policy, name) for name in SETTINGS if chosen(policy, name) != chosen(plain, name)}


def read(choices: Mapping[str, object]) -> Policy:
    """Read what was written down. What another release chose and this one does not know stays at its default."""
    policy = Policy()
    for name, option in choices.items():
        try:
            policy = choose(policy, name, str(option))
        except ValueError:
            continue
    return policy


def in_force(enforcement: Enforcement, *, basic_group: bool) -> Enforcement:
    """Tell what can be done of what was chosen: a basic group knows no restrictions."""
    if basic_group and enforcement in {Enforcement.MUTE, Enforcement.KICK}:
        return Enforcement.DELETE
    return enforcement


def needed_in_group(enforcement: Enforcement) -> tuple[str, ...]:
    """Return the bot's rights in the group that enforcing takes, in the order people read them."""
    return tuple(right for right, enforcements in _NEEDED_FOR.items() if enforcement in enforcements)


def reopens(before: Policy, after: Policy) -> bool:
    """Whether a change may decide otherwise on somebody who is kept from writing."""
    bearing = ("enforcement", "require", "grace_minutes", "grandfather", "on_leave", "pending_minutes")
    return any(getattr(before, name) != getattr(after, name) for name in bearing)


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of somebody's time in a group."""

    joined_at: datetime | None = None
    """When they were first seen to come in."""
    passed_at: datetime | None = None
    """When they last wrote as a member of the channels."""


@dataclass(frozen=True, slots=True)
class Spared:
    """Somebody who may write although they are not in the channels; `until` None means for good."""

    until: datetime | None


def spares(
    policy: Policy, presence: Presence, *, protected_since: datetime | None, now: datetime, is_member: bool
) -> Spared | None:
    """Decide whether somebody absent may write. `is_member` says whether they are in the group itself."""
    if policy.on_leave is OnLeave.NOTHING and presence.passed_at is not None:
        return Spared(None)
    if policy.grandfather and is_member and _was_here(presence, protected_since):
        return Spared(None)
    if policy.grace_minutes and presence.joined_at is not None:
        until = presence.joined_at + timedelta(minutes=policy.grace_minutes)
        return Spared(until) if now < until else None
    return None


def _was_here(presence: Presence, protected_since: datetime | None) -> bool:
    """Whoever is in the group and was not seen to come in since it is protected was there before."""
    if presence.joined_at is None:
        return True
    return protected_since is not None and presence.joined_at < protected_since


def _defaults() -> dict[str, object]:
    plain = Policy()
    return {field.name: getattr(plain, field.name) for field in fields(Policy)}

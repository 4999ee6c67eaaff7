"""What a muted member is shown."""

from collections.abc import Sequence

from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import ChannelId, TopicId, UserId
from bot.domain.membership import Require
from bot.domain.message import Button, Outgoing
from bot.domain.policy import Enforcement
from bot.domain.prompt_text import filled
from bot.domain.restriction import Case
from bot.services.ports.runtime import Texts

VERIFY = "v"
"""The prompt's callback data. It verifies whoever presses, in the chat it was pressed in, so it carries no more."""

# Long names are adverts; this is what fits on one line of a phone.
_NAME_LENGTH = 32
_TITLE_LENGTH = 40
_HOUR = 60


def prompt(
    case: Case, group: ProtectedGroup, missing: Sequence[ChannelId], texts: Texts, banned: Sequence[ChannelId] = ()
) -> Outgoing:
    """Build the message that names every missing channel, with a button each and one to be checked again.

    Where the member is `banned`, joining does not help: it says so instead of offering it.
    """
    text = _text(group, missing, texts, user=case.user_id, name=case.user_name, muted=case.our_until is not None)
    # Who was told of a channel and lacks it no more has joined it. Of others it may just be unknown.
    joined = [channel.title for channel in _wanted(group, case.prompt_channels) if channel.channel_id not in missing]
    if joined and group.policy.require is Require.ALL:
        text = f"{text}\n{texts.say('prompt.joined', group.language, channels=', '.join(joined))}"
    if banned:
        where = ", ".join(channel.title for channel in _wanted(group, banned))
        text = f"{text}\n\n{texts.say('prompt.banned', group.language, channels=where)}"
    ways = joins(group, [channel for channel in missing if channel not in banned], texts)
    return Outgoing(text, (*ways, _verify(group, texts)), topic_id=case.topic_id)


def shared_prompt(group: ProtectedGroup, waiting: int, topic: TopicId | None, texts: Texts) -> Outgoing:
    """Build the one message for a crowd: how many wait, all channels, and the button that answers whoever presses."""
    channels = ", ".join(channel.title for channel in group.channels)
    if group.prompt_text is not None:
        everyone = texts.toast("prompt.crowd_name", group.language, total=waiting)
        text = filled(group.prompt_text, name=everyone, channels=channels, group=group.title)
    else:
        key = "prompt.crowd_any" if _any_will_do(group) else "prompt.crowd"
        text = texts.say(key, group.language, total=waiting, channels=channels)
    text += _deadline(group, texts, muted=True)
    return Outgoing(text, (*joins(group, group.channel_ids, texts), _verify(group, texts)), topic_id=topic)


def reminder(group: ProtectedGroup, topic: TopicId | None, texts: Texts) -> Outgoing:
    """Build what everybody is told while PostgreSQL is away: nobody is muted then, but strangers' messages go."""
    key = "prompt.outage_any" if _any_will_do(group) else "prompt.outage"
    text = texts.say(key, group.language, channels=", ".join(channel.title for channel in group.channels))
    return Outgoing(text, (*joins(group, group.channel_ids, texts), _verify(group, texts)), topic_id=topic)


def preview(group: ProtectedGroup, user: UserId, name: str, texts: Texts) -> Outgoing:
    """Build what a newcomer is shown, for an admin to look at."""
    muted = group.enforcement in {Enforcement.MUTE, Enforcement.KICK}
    text = _text(group, group.channel_ids, texts, user=user, name=name, muted=muted)
    return Outgoing(text, joins(group, group.channel_ids, texts))


def _text(
    group: ProtectedGroup, missing: Sequence[ChannelId], texts: Texts, *, user: UserId, name: str, muted: bool
) -> str:
    channels = ", ".join(channel.title for channel in _wanted(group, missing))
    short = shorten(name, _NAME_LENGTH)
    if group.prompt_text is not None:
        text = filled(group.prompt_text, user_id=user, name=short, channels=channels, group=group.title)
    else:
        key = "prompt.mute" if muted else "prompt.delete"
        if group.policy.require is Require.ANY and len(missing) > 1:
            key = "prompt.mute_any" if muted else "prompt.delete_any"
        text = texts.say(key, group.language, user_id=user, name=short, channels=channels)
    return text + _deadline(group, texts, muted=muted)


def _deadline(group: ProtectedGroup, texts: Texts, *, muted: bool) -> str:
    """Say by when one has to have joined, where people are removed who have not."""
    if not muted or group.enforcement is not Enforcement.KICK:
        return ""
    time = minutes(group.policy.kick_minutes, group.language, texts)
    return "\n" + texts.say("prompt.deadline", group.language, time=time)


def minutes(total: int, language: str, texts: Texts) -> str:
    """Say a length of time."""
    if total % _HOUR:
        return texts.toast("option.minutes", language, total=total)
    return texts.toast("option.hours", language, total=total // _HOUR)


def _any_will_do(group: ProtectedGroup) -> bool:
    return group.policy.require is Require.ANY and len(group.channels) > 1


def _verify(group: ProtectedGroup, texts: Texts) -> tuple[Button, ...]:
    return (Button(texts.toast("prompt.verify_button", group.language), data=VERIFY, style="success"),)


def joins(group: ProtectedGroup, missing: Sequence[ChannelId], texts: Texts) -> tuple[tuple[Button, ...], ...]:
    """Offer a button for each missing channel that has a link."""

    def label(channel: Channel) -> str:
        return texts.toast("prompt.join_button", group.language, channel=shorten(channel.title, _TITLE_LENGTH))

    wanted = _wanted(group, missing)
    return tuple((Button(label(each), url=each.join_url, style="primary"),) for each in wanted if each.join_url)


def _wanted(group: ProtectedGroup, missing: Sequence[ChannelId]) -> list[Channel]:
    wanted = set(missing)
    return [channel for channel in group.channels if channel.channel_id in wanted]


def shorten(text: str, length: int) -> str:
    """Cut a name or title to one line of `length` characters."""
    line = " ".join(text.split()) or "?"
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"

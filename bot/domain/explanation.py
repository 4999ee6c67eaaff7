"""Why something was decided about somebody, in words for operators."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.domain.event import Event
from bot.domain.ids import ChannelId

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "stopped": "A check was opened{why}: Telegram said that they are not in {channels}, or could not say.",
        "muted": "They were muted. Telegram had been asked a second time just before, and they were absent again.",
        "noticed": "Nobody can be muted here, so their messages are deleted.",
        "lifted": "The mute was lifted, and what was there before it is back.",
        "freed": "The case ended well{why}: they may write.",
        "passed": "They were let through{why}.",
        "unknown": "Telegram did not say whether they are a member, so nobody was muted and the message passed.",
        "held": "Telegram did not say whether they are a member; this group has such messages deleted.",
        "observed": "This group only observes: a gate would have stopped them{why}.",
        "exempt": "Nothing was done: they are an admin, or exempt.",
        "silent_already": "Nothing was done: somebody else had muted them already.",
        "not_there": "Nothing was done: they had left the group.",
        "refused": "Telegram refused the mute; the bot lacks a right, or they are an admin.",
        "overruled": "Somebody else lifted the mute. A moderator's word stands, so the case was closed.",
        "still_missing": "They pressed the button, and Telegram said that they are not in {channels} yet.",
        "moderated": "A moderator changed what they may do. That stands.",
        "kicked": "They were removed after their time to join had run out.",
        "left": "They left the group.",
        "moved": "The group became a supergroup under another id.",
        "approved": "Their request to join was approved: they are in the channels.",
        "declined": "Their request to join was declined.",
        "asked": "They asked to join and were told which channels come first.",
    }
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "message": "they wrote a message",
        "join": "they joined the group",
        "left_channel": "they left a required channel",
        "joined_channel": "they joined the channel",
        "asked_channel": "they asked to join the channel",
        "press": "they pressed the button and were in the channels",
        "return": "they came back with the mute still in force",
        "protect": "the group's channels were set anew",
        "unprotect": "the group was opened",
        "pause": "the gate was paused",
        "resume": "the gate was resumed",
        "policy": "the group's admins changed its policy",
        "exempt": "an admin exempted them",
        "moderator": "a moderator let them",
        "review": "a review found them in the channels",
        "first_sight": "seen here for the first time, and in the channels",
        "move": "the group became a supergroup",
    }
)


def explain(event: Event, channels: Mapping[ChannelId, str]) -> str:
    """Say what happened and why. What a newer release may have decided is named as it is."""
    reason = event.reason or ""
    names = ", ".join(channels.get(channel, str(channel)) for channel in event.channels) or "the required channels"
    why = f" ({_REASONS.get(reason, reason)})" if reason else ""
    sentence = _KINDS.get(event.kind)
    return f"{event.kind}{why}" if sentence is None else sentence.format(why=why, channels=names)


def verdict(events: list[Event]) -> str:
    """Sum up: how they stand after these events, the newest first."""
    newest = next((event.kind for event in events if event.kind in _STANDING), None)
    return "Nothing was decided about them here." if newest is None else _STANDING[newest]


_STANDING: Mapping[str, str] = MappingProxyType(
    {
        "stopped": "They are being checked.",
        "muted": "They are muted until they join the missing channels.",
        "still_missing": "They are muted, and were still missing a channel when they last pressed the button.",
        "noticed": "Their messages are deleted until they join the missing channels.",
        "lifted": "They may write: the mute was lifted.",
        "freed": "They may write.",
        "passed": "They may write: they are in the channels.",
        "unknown": "They may write: Telegram could not tell, and doubt never mutes.",
        "held": "Their messages wait until Telegram can tell.",
        "observed": "They may write: the group only observes.",
        "exempt": "They may write: they are exempt.",
        "overruled": "They may write: a moderator lifted the mute.",
        "kicked": "They were removed and may come back.",
        "left": "They have left the group.",
    }
)

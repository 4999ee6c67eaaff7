"""What a muted member is shown."""

from collections.abc import Sequence

from bot.domain.group import ProtectedGroup
from bot.domain.ids import ChannelId
from bot.domain.membership import Require
from bot.domain.message import Button, Outgoing
from bot.domain.restriction import Case
from bot.services.ports import Texts

VERIFY = "v"
"""The prompt's callback data. It verifies whoever presses, in the chat it was pressed in, so it carries no more."""

# Long names are adverts; this is what fits on one line of a phone.
_NAME_LENGTH = 32
_TITLE_LENGTH = 40


def prompt(case: Case, group: ProtectedGroup, missing: Sequence[ChannelId], texts: Texts) -> Outgoing:
    """Build the message that names every missing channel, with a button each and one to be checked again."""
    language = group.language
    key = "prompt.mute" if case.our_until else "prompt.delete"
    if group.policy.require is Require.ANY and len(missing) > 1:
        key = "prompt.mute_any" if case.our_until else "prompt.delete_any"
    wanted = [channel for channel in group.channels if channel.channel_id in set(missing)]
    rows = [
        (
            Button(
                texts.toast("prompt.join_button", language, channel=shorten(channel.title, _TITLE_LENGTH)),
                url=channel.join_url,
                style="primary",
            ),
        )
        for channel in wanted
        if channel.join_url
    ]
    rows.append((Button(texts.toast("prompt.verify_button", language), data=VERIFY, style="success"),))
    return Outgoing(
        text=texts.say(
            key,
            language,
            user_id=case.user_id,
            name=shorten(case.user_name, _NAME_LENGTH),
            channels=", ".join(channel.title for channel in wanted),
        ),
        buttons=tuple(rows),
        topic_id=case.topic_id,
    )


def shorten(text: str, length: int) -> str:
    """Cut a name or title to one line of `length` characters."""
    line = " ".join(text.split()) or "?"
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"

"""Strangers whose messages go while PostgreSQL is away are told what to join: once a minute, and until it is back."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import pytest

from bot.services.outages import reminding
from bot.simulator import Chat, Message, User
from tests.faults.away import RECOVERY_SECONDS, Outside
from tests.faults.test_without_postgres import away, removed, stands
from tests.kits.platform import buttons_of, eventually

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_STRANGERS = 22
_MOST_MESSAGES_A_MINUTE = 20


def reminders(outside: Outside, group: Chat | None = None) -> list[Message]:
    """Return those that stand."""
    lounge = outside.lounge
    words = ("Messages of those who have not joined", "Nachrichten von allen, die nicht beigetreten sind")
    return [
        message
        for message in lounge.sim.messages(group or lounge.group)
        if message.sender is not None
        and message.sender.id == lounge.bot.id
        and any(part in (message.text or "") for part in words)
    ]


async def none_stands(outside: Outside, group: Chat | None = None) -> None:
    """Wait until the reminder is taken back."""
    await eventually(lambda: reminders(outside, group) == [], "the reminder is gone", within=RECOVERY_SECONDS)


async def protected_forum(outside: Outside) -> Chat:
    """Make a German forum behind two channels, one of them private."""
    lounge, sim = outside.lounge, outside.lounge.sim
    owner = sim.add_user("Olaf", language_code="de")
    for channel in (lounge.news, lounge.insiders):
        sim.join(owner, channel)
        sim.promote(channel, owner, can_invite_users=True)
    forum = sim.add_group("Forum", owner=owner, forum=True)
    sim.add_member(forum, lounge.bot)
    sim.promote(forum, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    sim.say(owner, forum, f"/protect @{lounge.news.username} {lounge.insiders.id}")
    await lounge.until_said("News, Insiders", forum)
    await sim.settled(RECOVERY_SECONDS)
    await outside.until_all_know_of(2)
    return forum


async def test_strangers_are_told_what_to_join(outside: Outside) -> None:
    """In their topic, in the group's language, without a sound, with links, and with the button that answers."""
    lounge, sim = outside.lounge, outside.lounge.sim
    forum = await protected_forum(outside)
    topic, stranger = sim.add_topic(forum, "Off topic"), sim.add_user("Stella")
    async with away(outside):
        sim.join(stranger, forum)
        sim.say(stranger, forum, "hello", topic=topic)
        await eventually(lambda: len(reminders(outside, forum)) == 1, "a reminder", within=RECOVERY_SECONDS)
        (reminder,) = reminders(outside, forum)
        press = sim.press(stranger, forum, reminder, "v")
        await eventually(lambda: press.answer is not None, "the press is answered", within=RECOVERY_SECONDS)
        await sim.settled(RECOVERY_SECONDS)

        assert (reminder.thread_id, reminder.is_silent) == (topic.id, True)
        assert str(reminder.text).startswith("Um hier zu schreiben, tretet bitte zuerst News, Insiders bei.")
        assert [row[0].get("url", "")[:13] for row in buttons_of(reminder)] == ["https://t.me/", "https://t.me/", ""]
        assert press.answer is not None
        assert "Still to join: News, Insiders" in str(press.answer.text)
        assert not lounge.muted(stranger, forum)
    await none_stands(outside, forum)
    await lounge.until_muted(stranger, forum)


async def test_a_crowd_hears_it_once(outside: Outside) -> None:
    """Of two instances one says it, nobody is muted meanwhile, and no case has it for a prompt.

    With what follows the outage the group hears no more than its 20 messages a minute.
    """
    lounge, sim = outside.lounge, outside.lounge.sim
    strangers = [sim.add_user(f"Stranger{number:02}") for number in range(_STRANGERS)]
    async with away(outside):
        mutes, before = len(lounge.calls("restrictChatMember")), len(said_in(outside, lounge.group))
        for number, stranger in enumerate(strangers):
            outside.deliver_to((outside.first, outside.second)[number % 2])
            sim.join(stranger, lounge.group)
            sim.say(stranger, lounge.group, "hello")
            await sim.settled(30)
        (reminder,) = reminders(outside)

        assert len(said_in(outside, lounge.group)) == before + 1
        assert not {stranger.id for stranger in strangers} & speakers(outside)
        assert len(lounge.calls("restrictChatMember")) == mutes
    await none_stands(outside)
    everybody = partial(all_muted, outside, strangers, lounge.group)
    await eventually(everybody, "all are muted", within=60)
    await outside.platform.at_rest(within=60)
    said = said_in(outside, lounge.group)
    rows = await outside.platform.fetch("SELECT prompt_message_id FROM restrictions")

    assert max(sum(at - 60 < other <= at for other in said) for at in said) <= _MOST_MESSAGES_A_MINUTE
    assert len(rows) > _STRANGERS
    assert reminder.id not in {row["prompt_message_id"] for row in rows}


def said_in(outside: Outside, chat: Chat) -> list[float]:
    """Return when the bot wrote in a chat, or changed what it had written."""
    calls = outside.lounge.calls("sendMessage", "editMessageText")
    return [call.at for call in calls if str(call.params.get("chat_id")) == str(chat.id)]


def speakers(outside: Outside) -> set[int]:
    """Return whose words stand in the group."""
    spoken = [message for message in outside.lounge.sim.messages(outside.lounge.group) if message.text]
    return {message.sender.id for message in spoken if message.sender is not None}


def all_muted(outside: Outside, users: list[User], group: Chat) -> bool:
    """Whether none of them can write."""
    return all(outside.lounge.muted(user, group) for user in users)


async def test_each_reminder_takes_the_place_of_the_last(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever instance said that one; and it goes with what is asked for."""
    monkeypatch.setattr(reminding, "_PAUSE_SECONDS", 0.5)
    lounge, sim = outside.lounge, outside.lounge.sim
    async with away(outside):
        seen: list[int] = []
        for url in (outside.first, outside.second):
            outside.deliver_to(url)
            await removed(outside, sim.say(lounge.stranger, lounge.group, "may I?"))
            await sim.settled(RECOVERY_SECONDS)
            (reminder,) = reminders(outside)
            seen.append(reminder.id)
            # The group's turn is over then.
            await asyncio.sleep(1)
        sim.join(lounge.stranger, lounge.news)
        kept = sim.say(lounge.stranger, lounge.group, "I have joined")
        await sim.settled(RECOVERY_SECONDS)

        assert stands(outside, kept)
        assert seen[0] != seen[1]
    await none_stands(outside)
    await outside.until_status("healthy")
    outside.assert_only_strangers_were_muted()
    assert not lounge.muted(lounge.stranger)


async def test_a_reminder_outlives_who_said_it(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance is gone before PostgreSQL is back: another takes its reminder back, by what Redis has of it."""
    monkeypatch.setattr(reminding, "_PAUSE_SECONDS", 0.5)
    lounge, sim = outside.lounge, outside.lounge.sim
    async with AsyncExitStack() as stack:
        third = await stack.enter_async_context(outside.start())
        outside.deliver_to(third)
        async with away(outside):
            await eventually(partial(outside.is_away, third), "the outage is noticed", within=RECOVERY_SECONDS)
            await removed(outside, sim.say(lounge.stranger, lounge.group, "may I?"))
            await eventually(lambda: len(reminders(outside)) == 1, "a reminder", within=RECOVERY_SECONDS)
            await sim.settled(RECOVERY_SECONDS)
            outside.deliver_to(outside.first)
            await stack.aclose()

            assert len(reminders(outside)) == 1
        await none_stands(outside)
    await outside.live_on()

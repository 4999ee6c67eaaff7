"""From the bot's arrival to a protected group, without a command to type but /start."""

from dataclasses import dataclass

import pytest

from bot.simulator import Chat, Message
from tests.kits.platform import Lounge, Platform, buttons_of, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


@dataclass
class Newcomer:
    """An owner with a group and a channel of their own, neither of which knows the bot."""

    lounge: Lounge
    group: Chat
    channel: Chat

    @property
    def private(self) -> Chat:
        """The owner's chat with the bot."""
        return self.lounge.sim.private_chat(self.lounge.owner, self.lounge.bot)

    def add_bot(self) -> None:
        """Add the bot to the group, without rights."""
        self.lounge.sim.add_member(self.group, self.lounge.bot, by=self.lounge.owner)

    def appoint_bot(self) -> None:
        """Give the bot what it needs in the group; this adds it, too."""
        self.lounge.sim.promote(
            self.group,
            self.lounge.bot,
            by=self.lounge.owner,
            can_restrict_members=True,
            can_delete_messages=True,
            can_invite_users=True,
        )

    def start(self, chat: Chat | None = None) -> None:
        """Follow the link of the greeting into the private chat."""
        group = chat or self.group
        self.lounge.sim.private(self.lounge.owner, self.lounge.bot, f"/start g{group.id}")

    async def picker(self, number: int = 0) -> int:
        """Wait for the key that lists channels and return its request."""

        def keys() -> list[Message]:
            return [message for message in self.lounge.sim.messages(self.private) if message.keyboard]

        await eventually(lambda: len(keys()) > number, "the list of channels is offered")
        request = (keys()[number].keyboard or [])[0][0]["request_chat"]
        assert isinstance(request, dict)
        return int(str(request["request_id"]))

    async def pick(self, channel: Chat, request: int) -> None:
        """Pick a channel and wait until it is dealt with."""
        self.lounge.sim.share_chat(self.lounge.owner, self.lounge.bot, request, channel)
        await self.lounge.settled()

    async def press(self, label: str) -> str:
        """Press the newest button with this label in the private chat; return the toast."""
        message, data = next(
            (message, button["callback_data"])
            for message in reversed(self.lounge.sim.messages(self.private))
            for row in buttons_of(message)
            for button in row
            if button["text"] == label
        )
        query = self.lounge.sim.press(self.lounge.owner, self.private, message, data)
        await eventually(lambda: query.answer is not None, "the press is answered")
        await self.lounge.settled()
        return query.answer.text or "" if query.answer is not None else ""

    def said(self) -> str:
        """Return the newest thing the bot said in private."""
        return self.lounge.said(self.private)[-1]


@pytest.fixture
def newcomer(lounge: Lounge) -> Newcomer:
    """Give the lounge's owner a second group and a channel without the bot."""
    group = lounge.sim.add_group("Club", owner=lounge.owner)
    lounge.sim.join(lounge.stranger, group)
    return Newcomer(lounge, group, lounge.sim.add_channel("Club News", owner=lounge.owner))


async def required(platform: Platform, group: Chat) -> list[int]:
    """Return the channels that the group requires."""
    query = (
        "SELECT channel_id FROM group_channel_links JOIN protected_groups USING (bot_id, group_id)"
        " WHERE group_id = $1 AND protected ORDER BY position"
    )
    return [row["channel_id"] for row in await platform.fetch(query, group.id)]


async def test_a_group_is_protected_without_typing(newcomer: Newcomer, platform: Platform) -> None:
    """Added with rights, the bot greets; its link, the list of channels and one pick later the gate works."""
    lounge = newcomer.lounge
    newcomer.appoint_bot()
    await lounge.until_said("One step is left", newcomer.group)
    (greeting,) = [message for message in lounge.sim.messages(newcomer.group) if message.buttons]
    links = [button["url"] for row in buttons_of(greeting) for button in row]
    newcomer.start()
    await newcomer.pick(newcomer.channel, await newcomer.picker())
    lounge.sim.say(lounge.stranger, newcomer.group, "may I?")
    await lounge.until_muted(lounge.stranger, newcomer.group)
    lounge.sim.join(lounge.stranger, newcomer.channel)
    await lounge.until_free(lounge.stranger, newcomer.group)

    assert links[-1] == f"https://t.me/gate_bot?start=g{newcomer.group.id}"
    assert await required(platform, newcomer.group) == [newcomer.channel.id]
    assert newcomer.said().count("✅") == 3
    assert [text for text in lounge.said(newcomer.group) if text.startswith("Done.")] != []


async def test_a_pick_is_answered_once(newcomer: Newcomer) -> None:
    """The new right in the channel and the picked channel arrive as two updates: the admin hears of it once."""
    newcomer.appoint_bot()
    newcomer.start()
    await newcomer.pick(newcomer.channel, await newcomer.picker())

    answers = [text for text in newcomer.lounge.said(newcomer.private) if text.startswith("Done")]
    assert len(answers) == 1


async def test_an_app_without_the_list(newcomer: Newcomer, platform: Platform) -> None:
    """Making the bot an admin of the channel by hand does the same as picking it."""
    newcomer.appoint_bot()
    newcomer.start()
    await newcomer.picker()
    newcomer.lounge.sim.promote(newcomer.channel, newcomer.lounge.bot, by=newcomer.lounge.owner, can_invite_users=True)
    await newcomer.lounge.until_said("Done: ", newcomer.private)

    assert await required(platform, newcomer.group) == [newcomer.channel.id]


async def test_missing_rights_are_shown_with_the_tap_that_grants_them(newcomer: Newcomer, platform: Platform) -> None:
    """Without rights the greeting shows crosses; a pick changes nothing, says why, and works once they are granted."""
    lounge = newcomer.lounge
    newcomer.add_bot()
    await lounge.until_said("❌ Ban users", newcomer.group)
    lounge.sim.promote(newcomer.group, lounge.bot, by=lounge.owner, can_delete_messages=True)
    await lounge.until_said("✅ Delete messages", newcomer.group)
    assert len(lounge.said(newcomer.group)) == 1
    newcomer.start()
    request = await newcomer.picker()
    await newcomer.pick(newcomer.channel, request)
    await lounge.until_said("Nothing is protected yet", newcomer.private)
    before = await required(platform, newcomer.group)
    newcomer.appoint_bot()
    await newcomer.press("Try again")
    await newcomer.pick(newcomer.channel, await newcomer.picker(1))

    assert before == []
    assert await required(platform, newcomer.group) == [newcomer.channel.id]


async def test_undo_opens_the_group_again(newcomer: Newcomer, platform: Platform) -> None:
    """Undo is unprotecting where nothing was required before; whom the gate muted meanwhile is free."""
    lounge = newcomer.lounge
    newcomer.appoint_bot()
    newcomer.start()
    await newcomer.pick(newcomer.channel, await newcomer.picker())
    lounge.sim.say(lounge.stranger, newcomer.group, "may I?")
    await lounge.until_muted(lounge.stranger, newcomer.group)
    toast = await newcomer.press("Undo")
    await lounge.until_free(lounge.stranger, newcomer.group)

    assert toast == "It is as it was before."
    assert await required(platform, newcomer.group) == []


@pytest.mark.parametrize("how", ["@club_news", "https://t.me/club_news", "forwarded"])
async def test_a_channel_can_be_named_or_forwarded(newcomer: Newcomer, platform: Platform, how: str) -> None:
    """In private, where an app has no list; what is not found is said, and the next try counts."""
    lounge = newcomer.lounge
    channel = lounge.sim.add_channel("Club News", owner=lounge.owner, username="club_news")
    newcomer.appoint_bot()
    newcomer.start()
    await newcomer.picker()

    def name() -> None:
        if how == "forwarded":
            lounge.sim.forward(lounge.owner, lounge.sim.post(channel, "The next book"), lounge.bot)
        else:
            lounge.sim.private(lounge.owner, lounge.bot, how)

    name()
    await lounge.until_said("Make me an admin of Club News", newcomer.private)
    lounge.sim.promote(channel, lounge.bot, by=lounge.owner, can_invite_users=True)
    await lounge.settled()
    name()
    # The fourth message within moments: it waits for its turn.
    await eventually(lambda: "Done: " in newcomer.said(), "the group is set up", within=20)

    assert await required(platform, newcomer.group) == [channel.id]


async def test_the_greeting_goes_when_the_group_is_set_up(newcomer: Newcomer, platform: Platform) -> None:
    """And after a day where nobody does that; what the app has sent for the admin goes with the commands."""
    lounge = newcomer.lounge
    newcomer.appoint_bot()
    await lounge.until_said("One step is left", newcomer.group)
    sent = lounge.sim.say(lounge.owner, newcomer.group, "/start@gate_bot new")
    await lounge.settled()
    due = {
        row["message_id"]: float(row["seconds"])
        for row in await platform.fetch(
            "SELECT message_id, extract(epoch FROM due_at - now()) AS seconds FROM scheduled_actions"
        )
    }
    assert 0 < due.pop(sent.id) <= 60
    assert [80_000 < seconds <= 86_400 for seconds in due.values()] == [True]
    newcomer.start()
    await newcomer.pick(newcomer.channel, await newcomer.picker())
    await lounge.until_said("Done.", newcomer.group)

    assert not any("One step is left" in text for text in lounge.said(newcomer.group))


async def test_who_writes_in_private_hears_how_to_begin(newcomer: Newcomer) -> None:
    """A bot that says nothing looks broken."""
    lounge = newcomer.lounge
    lounge.sim.private(lounge.stranger, lounge.bot, "hello?")

    await lounge.until_said("choose your group", lounge.sim.private_chat(lounge.stranger, lounge.bot))


@pytest.mark.parametrize(("label", "kept"), [("Replace", 0), ("Require it, too", 1)])
async def test_a_second_channel_replaces_or_joins_the_first(
    newcomer: Newcomer, platform: Platform, label: str, kept: int
) -> None:
    """For a protected group the admin is asked first; Undo brings the first channel back alone."""
    lounge = newcomer.lounge
    await lounge.protect(lounge.news)
    newcomer.start(lounge.group)
    await newcomer.pick(newcomer.channel, await newcomer.picker())
    asked, before = newcomer.said(), await required(platform, lounge.group)
    await newcomer.press(label)
    after = await required(platform, lounge.group)
    await newcomer.press("Undo")

    assert "requires News already" in asked
    assert before == [lounge.news.id]
    assert after == [lounge.news.id, newcomer.channel.id][1 - kept :]
    assert await required(platform, lounge.group) == [lounge.news.id]


async def test_the_preview_is_what_newcomers_see(newcomer: Newcomer) -> None:
    """The admin sees the prompt with the channel's button, and nobody is touched."""
    newcomer.appoint_bot()
    newcomer.start()
    await newcomer.pick(newcomer.channel, await newcomer.picker())
    await newcomer.press("What newcomers see")

    assert "to write here please join Club News first" in newcomer.said()
    assert newcomer.lounge.calls("restrictChatMember") == []


async def test_only_admins_set_up(newcomer: Newcomer, platform: Platform) -> None:
    """A member who follows the link, and an admin of no channel who picks one, change nothing."""
    lounge = newcomer.lounge
    newcomer.appoint_bot()
    lounge.sim.private(lounge.stranger, lounge.bot, f"/start g{newcomer.group.id}")
    private = lounge.sim.private_chat(lounge.stranger, lounge.bot)
    await lounge.until_said("Only the owner", private)
    lounge.sim.private(lounge.stranger, lounge.bot, "/start g-1009999999999")
    await lounge.until_said("I cannot see that group", private)

    assert await required(platform, newcomer.group) == []


async def test_rights_are_asked_again_at_the_pick(newcomer: Newcomer, platform: Platform) -> None:
    """Who was an admin at /start and is none any more protects nothing."""
    lounge = newcomer.lounge
    admin = lounge.sim.add_user("Ada")
    newcomer.appoint_bot()
    lounge.sim.join(admin, newcomer.group)
    lounge.sim.promote(newcomer.group, admin, by=lounge.owner, can_restrict_members=True)
    channel = lounge.sim.add_channel("Hers", owner=admin)
    lounge.sim.private(admin, lounge.bot, f"/start g{newcomer.group.id}")
    private = lounge.sim.private_chat(admin, lounge.bot)
    await eventually(lambda: any(each.keyboard for each in lounge.sim.messages(private)), "the list is offered")
    (offer,) = [each for each in lounge.sim.messages(private) if each.keyboard]
    request = (offer.keyboard or [])[0][0]["request_chat"]
    lounge.sim.demote(newcomer.group, admin, by=lounge.owner)
    assert isinstance(request, dict)
    lounge.sim.share_chat(admin, lounge.bot, int(str(request["request_id"])), channel)
    await lounge.until_said("Only the owner", private)

    assert await required(platform, newcomer.group) == []


async def test_a_basic_group_is_told_what_it_lacks(newcomer: Newcomer) -> None:
    """The greeting in a basic group says that messages are removed there, and how to get mutes."""
    lounge = newcomer.lounge
    newcomer.group = lounge.sim.add_group("Few", owner=lounge.owner, kind="group")
    newcomer.add_bot()

    await lounge.until_said("Upgrade it to a supergroup", newcomer.group)


async def test_start_by_link_is_not_answered_twice(newcomer: Newcomer) -> None:
    """`/start new`, which Telegram sends for the adding admin, adds no help text to the greeting."""
    lounge = newcomer.lounge
    newcomer.appoint_bot()
    await lounge.until_said("One step is left", newcomer.group)
    lounge.sim.say(lounge.owner, newcomer.group, "/start@gate_bot new")
    await lounge.settled()

    assert len(lounge.said(newcomer.group)) == 1

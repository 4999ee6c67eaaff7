"""Whom a channel belongs to: who requires it, who may, and whom that brought."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from bot.domain.ids import ChannelId, GroupId
from bot.handlers.channels import OWN_CHANNEL
from bot.services.groups.channels import ALLOW, GROUP, SHOW, VETO, data
from bot.simulator import Chat, User
from bot.simulator.model import Message
from tests.acceptance.kit import buttons, finished, gated, prompts
from tests.kits.platform import Lounge, Platform, add_group, buttons_of, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


@dataclass
class Admin:
    """Somebody in their private chat with the bot."""

    lounge: Lounge
    user: User

    @property
    def private(self) -> Chat:
        """The chat."""
        return self.lounge.sim.private_chat(self.user, self.lounge.bot)

    @property
    def shown(self) -> Message:
        """What stands there last."""
        return self.lounge.sim.messages(self.private)[-1]

    async def start(self) -> "Admin":
        """Have the bot say something, so that there is a message with which to press."""
        self.lounge.sim.private(self.user, self.lounge.bot, "/start")
        await eventually(lambda: bool(self.lounge.said(self.private)), "the bot answers")
        await self.lounge.settled()
        return self

    async def press(self, data: str) -> str:
        """Press a button that carries this, wherever it comes from; return the toast."""
        self.shown.buttons = {"inline_keyboard": [[{"text": "?", "callback_data": data}]]}
        return await self._pressed(self.shown, data)

    async def press_label(self, label: str) -> str:
        """Press the newest button whose label ends so; return the toast."""
        for message in reversed(self.lounge.sim.messages(self.private)):
            for button in (button for row in buttons_of(message) for button in row):
                if button["text"].endswith(label):
                    return await self._pressed(message, button["callback_data"])
        pytest.fail(f"there is no button {label!r}")

    async def _pressed(self, message: Message, data: str) -> str:
        query = self.lounge.sim.press(self.user, message.chat, message, data)
        await eventually(lambda: query.answer is not None, "the press is answered")
        await self.lounge.settled()
        return query.answer.text or "" if query.answer is not None else ""


@pytest.fixture
async def olivia(lounge: Lounge) -> Admin:
    """Return the owner of both channels."""
    return await Admin(lounge, lounge.owner).start()


async def newcomer(lounge: Lounge, name: str, channel: Chat, *, appoints: bool) -> Admin:
    """Return a further admin of a channel, who may appoint admins or else only post."""
    user = lounge.sim.add_user(name)
    lounge.sim.promote(channel, user, can_promote_members=appoints, can_post_messages=True)
    return await Admin(lounge, user).start()


def button(verb: str, channel: Chat, group: Chat | None = None) -> str:
    """Return what a button carries."""
    return data(verb, ChannelId(channel.id), GroupId(group.id) if group is not None else None)


async def required(platform: Platform, group: Chat) -> Sequence[int]:
    """Return the channels that the group requires."""
    query = (
        "SELECT channel_id FROM group_channel_links JOIN protected_groups USING (bot_id, group_id)"
        " WHERE group_id = $1 AND protected ORDER BY position"
    )
    return [row["channel_id"] for row in await platform.fetch(query, group.id)]


async def test_an_owner_sees_who_requires_the_channel(lounge: Lounge) -> None:
    """One picks the channel from the app's list; the panel names the group, and the group's page says what it does."""
    olivia = Admin(lounge, lounge.owner)
    await lounge.protect(lounge.news)
    lounge.sim.private(olivia.user, lounge.bot, "/channels")
    await lounge.until_said("Your channels:", olivia.private)
    await olivia.press_label("Another channel")
    lounge.sim.share_chat(olivia.user, lounge.bot, OWN_CHANNEL, lounge.news)
    await lounge.until_said("The groups that require it", olivia.private)

    async def drawn() -> bool:
        return await olivia.press_label("Lounge") == ""

    # The bot writes to one person three times in three seconds, and tells who presses sooner.
    await eventually(drawn, "the group's page is drawn")
    assert str(olivia.shown.text).startswith("Lounge requires News.")


async def test_each_group_has_a_link_of_its_own_and_its_joins_are_counted(
    lounge: Lounge, platform: Platform, olivia: Admin
) -> None:
    """The prompt's button is the group's link, named after it; who comes by another one is not counted."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)
    (link,) = [str(button["url"]) for button in buttons(prompts(lounge)[-1]) if "url" in button]
    other = lounge.sim.add_user("Ben")
    lounge.sim.join(other, lounge.news, link=lounge.sim.invite_link(lounge.news))
    lounge.sim.join(lounge.stranger, lounge.news, link=lounge.news.links[link])
    await lounge.until_free(lounge.stranger)
    await olivia.press(button(GROUP, lounge.news, lounge.group))

    assert lounge.news.links[link].name == "Lounge"
    assert "1 person has joined by its link." in str(olivia.shown.text)


async def test_a_link_outlives_another_protect(lounge: Lounge, platform: Platform) -> None:
    """Two groups have two links; the same group keeps its own, and what it was counted by."""
    club = add_group(lounge.sim, lounge.bot, lounge.owner, "Club")
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, club, "/protect @gm_news")
    await lounge.until_said("Done.", club)
    await lounge.protect(lounge.news, lounge.insiders)
    rows = await platform.fetch("SELECT group_id, channel_id, invite_link FROM channel_uses ORDER BY 1, 2")

    assert len({row["invite_link"] for row in rows}) == len(rows) == 3
    assert len(lounge.calls("createChatInviteLink")) == 3


@pytest.mark.parametrize("remedy", ["/doctor", "/protect @gm_news"])
async def test_a_revoked_link_is_replaced(lounge: Lounge, platform: Platform, remedy: str) -> None:
    """Telegram tells nobody of it: the doctor finds out, and so does another `/protect`; its joins are counted on."""
    await lounge.protect(lounge.news)
    (old,) = [link for link in lounge.news.links.values() if link.creator is lounge.bot]
    old.is_revoked = True

    sent = lounge.sim.say(lounge.owner, lounge.group, remedy)
    await eventually(lambda: lounge.answered(sent), "an answer")
    prompt = await gated(lounge, platform, lounge.stranger)
    (url,) = [str(each["url"]) for each in buttons(prompt) if "url" in each]
    lounge.sim.join(lounge.stranger, lounge.news, link=lounge.news.links[url])
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)

    assert not lounge.news.links[url].is_revoked
    assert ("I have made a new one" in lounge.said()[-1]) is (remedy == "/doctor")
    assert [row["joins"] for row in await platform.fetch("SELECT joins FROM channel_uses")] == [1]
    lounge.sim.say(lounge.owner, lounge.group, "/doctor")
    await lounge.until_said("I have all the rights")
    assert len(lounge.calls("createChatInviteLink")) == 2


async def test_without_the_right_to_invite_a_public_channel_is_joined_by_its_name(
    lounge: Lounge, platform: Platform
) -> None:
    """The gate works; nobody is counted."""
    lounge.sim.promote(lounge.news, lounge.bot, can_invite_users=False, can_post_messages=True)
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)

    assert [button["url"] for button in buttons(prompts(lounge)[-1]) if "url" in button] == ["https://t.me/gm_news"]


async def test_a_veto_stops_the_gate_at_once(lounge: Lounge, platform: Platform, olivia: Admin) -> None:
    """It was the only channel: who was muted is free, the group hears why, and cannot require it again."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    toast = await olivia.press(button(VETO, lounge.news, lounge.group))
    await lounge.until_free(lounge.stranger)
    told = [text for text in lounge.said() if "do not let Lounge require it any more" in text]
    await lounge.protect(lounge.news)

    assert toast.startswith("Forbidden.")
    assert len(told) == 1
    assert await required(platform, lounge.group) == []
    assert "may not require it" in lounge.said()[-1]


async def test_a_veto_leaves_the_other_channels(lounge: Lounge, platform: Platform, olivia: Admin) -> None:
    """Who was missing that one only is free; the others still count."""
    await lounge.protect(lounge.news, lounge.insiders)
    lounge.sim.join(lounge.stranger, lounge.insiders)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await olivia.press(button(VETO, lounge.news, lounge.group))
    await lounge.until_free(lounge.stranger)

    assert await required(platform, lounge.group) == [lounge.insiders.id]


async def test_a_veto_can_be_taken_back(lounge: Lounge, platform: Platform, olivia: Admin) -> None:
    """Allowed again, the group may require the channel, and is told."""
    await lounge.protect(lounge.news)
    await olivia.press(button(VETO, lounge.news, lounge.group))
    await olivia.press(button(ALLOW, lounge.news, lounge.group))
    await lounge.until_said("may require News now")
    await lounge.protect(lounge.news)

    assert await required(platform, lounge.group) == [lounge.news.id]


async def test_an_admin_of_one_channel_cannot_act_on_another(lounge: Lounge, platform: Platform) -> None:
    """Whatever a button is made to carry, Telegram is asked about the channel in it."""
    rita = await newcomer(lounge, "Rita", lounge.insiders, appoints=True)
    await lounge.protect(lounge.news)
    await rita.press(button(SHOW, lounge.insiders))
    toasts = [
        await rita.press(forged)
        for forged in (
            button(VETO, lounge.news, lounge.group),
            button(ALLOW, lounge.news, lounge.group),
            button("y", lounge.news),
            button(GROUP, lounge.news, lounge.group),
            button(SHOW, lounge.news),
        )
    ]
    # Their own channel has nothing to do with the group.
    astray = await rita.press(button(VETO, lounge.insiders, lounge.group))

    assert toasts == ["You are not an admin of this channel."] * 5
    assert astray == "This message is too old. Please send the command again."
    assert await required(platform, lounge.group) == [lounge.news.id]
    assert await platform.fetch("SELECT 1 FROM channel_uses WHERE answer <> 'none'") == []
    assert await platform.fetch("SELECT 1 FROM channels WHERE consent") == []
    assert "Lounge" not in " ".join(lounge.said(rita.private))


async def test_a_panel_works_for_nobody_else(lounge: Lounge, platform: Platform) -> None:
    """Who is no admin of any channel learns nothing and changes nothing."""
    await lounge.protect(lounge.news)
    sam = await Admin(lounge, lounge.stranger).start()
    toasts = [await sam.press(button(verb, lounge.news, lounge.group)) for verb in (SHOW, GROUP, ALLOW, VETO, "y", "n")]

    assert toasts == ["You are not an admin of this channel."] * 6
    assert await required(platform, lounge.group) == [lounge.news.id]


async def test_only_who_may_appoint_admins_decides(lounge: Lounge, platform: Platform) -> None:
    """An admin who posts sees who requires the channel, and changes nothing."""
    walt = await newcomer(lounge, "Walt", lounge.news, appoints=False)
    await lounge.protect(lounge.news)
    seen = await walt.press(button(GROUP, lounge.news, lounge.group))
    toast = await walt.press(button(VETO, lounge.news, lounge.group))

    assert seen == ""
    assert toast.startswith("Only the owner of the channel")
    assert await required(platform, lounge.group) == [lounge.news.id]


async def test_new_groups_ask_first_where_the_owner_wants_it(lounge: Lounge, platform: Platform, olivia: Admin) -> None:
    """An admin of the channel without a say in it asks; the owner allows it; then it works."""
    walt = await newcomer(lounge, "Walt", lounge.news, appoints=False)
    club = add_group(lounge.sim, lounge.bot, walt.user, "Club")
    await lounge.protect(lounge.news)
    await olivia.press(button("y", lounge.news))
    lounge.sim.say(walt.user, club, "/protect @gm_news")
    await lounge.until_said("only by groups that are allowed to", club)
    refused = await required(platform, club)
    await lounge.until_said("Club wants to require News", olivia.private)
    await olivia.press_label("Allow")
    await lounge.until_said("may require News now", club)
    lounge.sim.say(walt.user, club, "/protect @gm_news")
    await lounge.until_said("Done.", club)

    assert refused == []
    assert await required(platform, club) == [lounge.news.id]


async def test_asking_first_stops_nobody_who_requires_the_channel_already(
    lounge: Lounge, platform: Platform, olivia: Admin
) -> None:
    """Only a veto does."""
    await lounge.protect(lounge.news)
    await olivia.press(button("y", lounge.news))
    await lounge.protect(lounge.news, lounge.insiders)

    assert await required(platform, lounge.group) == [lounge.news.id, lounge.insiders.id]


async def test_whoever_makes_the_bot_an_admin_is_told(lounge: Lounge, olivia: Admin) -> None:
    """A button leads to the channel's panel."""
    blog = lounge.sim.add_channel("Blog", owner=lounge.owner)
    lounge.sim.promote(blog, lounge.bot, by=lounge.owner, can_invite_users=True)
    await lounge.until_said("I am an admin of Blog now", olivia.private)
    await olivia.press_label("Groups that require it")

    assert "No group requires it." in str(olivia.shown.text)


async def test_a_supergroup_takes_what_was_decided_along(lounge: Lounge, platform: Platform) -> None:
    """What was decided of the basic group holds for what it became."""
    basic = lounge.sim.add_group("Basic", owner=lounge.owner, kind="group")
    lounge.sim.promote(basic, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    lounge.sim.say(lounge.owner, basic, "/protect @gm_news")
    await lounge.until_said("Done.", basic)
    moved = lounge.sim.migrate(basic)
    await lounge.settled()
    rows = await platform.fetch("SELECT group_id FROM channel_uses")

    assert [row["group_id"] for row in rows] == [moved.id]


async def test_in_a_group_the_command_says_where_it_works(lounge: Lounge) -> None:
    """A channel's panel is nobody else's business."""
    lounge.sim.say(lounge.owner, lounge.group, "/channels")
    await lounge.until_said("to me in private")

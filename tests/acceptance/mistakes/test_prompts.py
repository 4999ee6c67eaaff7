"""The prompt: everything that is missing, once, in the right place, and gone when it is over."""

import pytest

from bot.simulator import Duplicate, Fault
from tests.acceptance.kit import buttons, finished, from_bot, gated, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def test_all_missing_channels_are_shown_with_a_button_each(lounge: Lounge, platform: Platform) -> None:
    """Two public channels and a private one are missing: three buttons that lead there, and one that verifies."""
    extra = lounge.sim.add_channel("Extra", owner=lounge.owner, username="gm_extra")
    lounge.sim.promote(extra, lounge.bot, can_invite_users=True)
    channels = (lounge.news, lounge.insiders, extra)
    await lounge.protect(*channels)
    prompt = await gated(lounge, platform, lounge.stranger)

    links = [str(button["url"]) for button in buttons(prompt) if "url" in button]
    assert [link in channel.links for link, channel in zip(links, channels, strict=True)] == [True] * 3
    assert [button["callback_data"] for button in buttons(prompt) if "callback_data" in button] == ["v"]
    assert all(name in str(prompt.text) for name in ("News", "Insiders", "Extra"))


async def test_a_channel_one_is_in_is_not_asked_for(lounge: Lounge, platform: Platform) -> None:
    """Only what is missing is asked for."""
    await lounge.protect(lounge.news, lounge.insiders)
    lounge.sim.join(lounge.stranger, lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)

    assert "Insiders" in str(prompt.text)
    assert "News" not in str(prompt.text)
    assert not {button.get("url") for button in buttons(prompt)} & set(lounge.news.links)


async def test_an_album_is_one_mute_and_one_prompt(lounge: Lounge, platform: Platform) -> None:
    """Ten photos are ten updates: all ten go, with one mute, one prompt and one question to Telegram's members list."""
    await lounge.protect(lounge.news)
    before = len(lounge.sim.calls)
    album = [
        lounge.sim.say(lounge.stranger, lounge.group, f"photo {number}", photo=True, media_group_id="album")
        for number in range(10)
    ]
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)

    assert not any(stands(lounge, photo) for photo in album)
    assert restricted(lounge) == [lounge.stranger.id]
    assert len(prompts(lounge)) == 1
    sent = [call for call in lounge.sim.calls[before:] if call.method == "sendMessage"]
    assert len(sent) == 1


async def test_an_update_delivered_twice_is_acted_upon_once(lounge: Lounge, platform: Platform) -> None:
    """The same update twice at once, and again after it was acknowledged: one mute, one prompt."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.duplicates.append(Duplicate(kind="message", copies=3, at_once=True))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)

    assert restricted(lounge) == [lounge.stranger.id]
    assert len(prompts(lounge)) == 1


async def test_a_command_delivered_twice_is_answered_once(lounge: Lounge, platform: Platform) -> None:
    """A repeated /status does not fill the group."""
    lounge.sim.faults.duplicates.append(Duplicate(kind="message", copies=2))
    lounge.sim.say(lounge.owner, lounge.group, "/status")
    await lounge.until_said("not protected")
    await finished(lounge, platform)

    assert len(from_bot(lounge)) == 1


async def test_markup_in_names_and_titles_is_shown_as_it_is(lounge: Lounge, platform: Platform) -> None:
    """Names and titles are people's texts: nothing in them is read as HTML, and no prompt is lost over them."""
    odd = lounge.sim.add_channel("<b>Fish & Chips_*`[x](y)", owner=lounge.owner, username="gm_odd")
    lounge.sim.promote(odd, lounge.bot)
    rascal = lounge.sim.add_user("<a href='tg://user?id=1'>", last_name="&amp; </b> _*`")
    lounge.sim.join(rascal, lounge.group)
    await lounge.protect(odd)
    prompt = await gated(lounge, platform, rascal)

    assert "Done." in lounge.said()[0]
    assert "<b>Fish & Chips_*`[x](y)" in lounge.said()[0]
    assert "<a href='tg://user?id=1'> &amp;" in str(prompt.text)
    assert "<b>Fish & Chips_*`[x](y)" in str(prompt.text)
    mention = prompt.entities[0]
    assert str(prompt.text)[: int(str(mention["length"]))] == str(prompt.text).partition(", to write here")[0]
    assert [entity["type"] for entity in prompt.entities[1:]] == ["bold"]


async def test_a_name_that_is_an_advert_is_cut_short(lounge: Lounge, platform: Platform) -> None:
    """A prompt repeats the name of whoever it is for; a long one would make the bot advertise."""
    pusher = lounge.sim.add_user("BUY CHEAP COINS NOW\n\nAT THE BEST PRICE", last_name="https://coins.example " * 3)
    lounge.sim.join(pusher, lounge.group)
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, pusher)

    assert "coins.example" not in str(prompt.text)
    assert "\n" not in str(prompt.text).split("to write here")[0]


async def test_the_title_of_a_channel_is_no_mention(lounge: Lounge, platform: Platform) -> None:
    """A channel's title is not its name: putting an @ before it would lead to somebody else's channel."""
    titled = lounge.sim.add_channel("durov", owner=lounge.owner, username="gm_titled")
    lounge.sim.promote(titled, lounge.bot)
    await lounge.protect(titled)
    prompt = await gated(lounge, platform, lounge.stranger)

    assert "@durov" not in str(prompt.text)
    assert buttons(prompt)[0]["url"] in titled.links


async def test_a_toast_never_exceeds_200_characters(lounge: Lounge, platform: Platform) -> None:
    """Five channels with long titles are missing: the press is answered all the same."""
    channels = []
    for number in range(5):
        channel = lounge.sim.add_channel(
            f"{number} " + "long title " * 10, owner=lounge.owner, username=f"gm_long{number}"
        )
        lounge.sim.promote(channel, lounge.bot)
        channels.append(channel)
    await lounge.protect(*channels)
    prompt = await gated(lounge, platform, lounge.stranger)
    press = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
    await finished(lounge, platform)

    assert press.answer is not None
    assert press.answer.text is not None
    assert press.answer.text.startswith("Not yet.")
    assert len(press.answer.text) <= 200


async def test_the_prompt_goes_when_it_is_over(lounge: Lounge, platform: Platform) -> None:
    """Nothing of a prompt remains once its addressee may write."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)

    assert prompts(lounge) == []


async def test_the_prompt_goes_when_its_addressee_leaves(lounge: Lounge, platform: Platform) -> None:
    """Nobody is there to read it."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.leave(lounge.stranger, lounge.group)

    await eventually(lambda: prompts(lounge) == [], "the prompt is gone")


async def test_coming_back_does_not_open_the_gate(lounge: Lounge, platform: Platform) -> None:
    """Leaving the group and joining it again ends neither the mute nor the way out of it."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.leave(lounge.stranger, lounge.group)
    await eventually(lambda: prompts(lounge) == [], "the prompt is gone")
    lounge.sim.join(lounge.stranger, lounge.group)
    await eventually(lambda: prompts(lounge) != [], "a new prompt")
    await finished(lounge, platform)

    assert lounge.muted(lounge.stranger)
    assert len(prompts(lounge)) == 1
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)


async def test_nobody_is_spoken_to_who_is_not_there(lounge: Lounge, platform: Platform) -> None:
    """Muted, gone from the group, and then in one of the two channels: no new prompt for an empty chair."""
    await lounge.protect(lounge.news, lounge.insiders)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.leave(lounge.stranger, lounge.group)
    await eventually(lambda: prompts(lounge) == [], "the prompt is gone")
    sent = len(lounge.calls("sendMessage"))
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)
    quiet = len(lounge.calls("sendMessage")) == sent
    lounge.sim.join(lounge.stranger, lounge.group)
    await eventually(lambda: prompts(lounge) != [], "a prompt for who is back")
    await finished(lounge, platform)

    assert quiet
    assert "Insiders" in str(prompts(lounge)[0].text)
    lounge.sim.join(lounge.stranger, lounge.insiders)
    await lounge.until_free(lounge.stranger)


async def test_prompts_make_no_sound(lounge: Lounge, platform: Platform) -> None:
    """A raid must not ring everybody's phone."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)

    assert prompt.is_silent


async def test_a_prompt_stands_in_the_topic_that_was_spoken_in(lounge: Lounge, platform: Platform) -> None:
    """In a forum the answer is where the question was; the General topic has no number, and naming one is refused."""
    forum = lounge.sim.add_group("Forum", owner=lounge.owner, forum=True)
    lounge.sim.add_member(forum, lounge.bot)
    lounge.sim.promote(forum, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    talkers = [lounge.sim.add_user(name) for name in ("Tom", "Tim")]
    for talker in talkers:
        lounge.sim.join(talker, forum)
    topic = lounge.sim.add_topic(forum, "Off topic")
    lounge.sim.say(lounge.owner, forum, "/protect @gm_news")
    await lounge.until_said("Done.", forum)
    lounge.sim.say(talkers[0], forum, "hello", topic=topic)
    lounge.sim.say(talkers[1], forum, "hello")
    await eventually(lambda: len(prompts(lounge, forum)) == 2, "two prompts")
    await finished(lounge, platform)

    places = {str(prompt.text).split(",")[0]: prompt.thread_id for prompt in prompts(lounge, forum)}
    assert places == {"Tom": topic.id, "Tim": None}


async def test_a_prompt_that_cannot_be_sent_costs_nobody_the_way_out(lounge: Lounge, platform: Platform) -> None:
    """Telegram refuses the prompt: who was muted is freed by joining all the same."""
    await lounge.protect(lounge.news)
    fault = Fault(kind="error", method="sendMessage", code=400, description="Bad Request: TOPIC_CLOSED", times=None)
    lounge.sim.faults.add(fault)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)

    await lounge.until_free(lounge.stranger)

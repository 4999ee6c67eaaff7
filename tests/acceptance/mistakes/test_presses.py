"""The prompt's button: it verifies whoever presses it, and touches nobody else."""

import pytest

from bot.simulator import Fault, Hold
from tests.acceptance.kit import buttons, finished, gated, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def test_a_members_press_on_somebody_elses_prompt_changes_nothing(lounge: Lounge, platform: Platform) -> None:
    """The bystander is not restricted; the addressee keeps mute, prompt and button."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    press = lounge.sim.press(lounge.member, lounge.group, prompt, "v")
    await finished(lounge, platform)

    assert press.answer is not None
    assert "you can write" in str(press.answer.text)
    assert stands(lounge, prompt)
    assert lounge.muted(lounge.stranger)
    assert restricted(lounge) == [lounge.stranger.id]


async def test_a_strangers_press_on_somebody_elses_prompt_changes_nothing(lounge: Lounge, platform: Platform) -> None:
    """Another stranger is told what they have to join; the addressee is not freed."""
    other = lounge.sim.add_user("Otto")
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    lounge.sim.faults.hold(Hold(kind="chat_member", user=other.id))
    lounge.sim.join(other, lounge.group)
    press = lounge.sim.press(other, lounge.group, prompt, "v")
    await eventually(lambda: press.answer is not None, "the press is answered")
    lounge.sim.faults.release()
    await finished(lounge, platform)

    assert press.answer is not None
    assert "Still to join: News" in str(press.answer.text)
    assert lounge.muted(lounge.stranger)
    assert any(stands(lounge, prompt) for prompt in prompts(lounge))


async def test_an_admins_press_is_no_error(lounge: Lounge, platform: Platform) -> None:
    """An admin who is in the channel presses: a friendly word, and nobody tries to unmute an admin."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    press = lounge.sim.press(lounge.owner, lounge.group, prompt, "v")
    await finished(lounge, platform)

    assert press.answer is not None
    assert "you can write" in str(press.answer.text)
    assert restricted(lounge) == [lounge.stranger.id]


async def test_a_press_before_the_join_says_what_is_missing(lounge: Lounge, platform: Platform) -> None:
    """Every channel that is still missing is named, and nothing changes."""
    await lounge.protect(lounge.news, lounge.insiders)
    prompt = await gated(lounge, platform, lounge.stranger)
    press = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
    await finished(lounge, platform)

    assert press.answer is not None
    assert "News, Insiders" in str(press.answer.text)
    assert lounge.muted(lounge.stranger)
    assert stands(lounge, prompt)


async def test_a_press_after_the_join_frees_even_when_the_event_is_lost(lounge: Lounge, platform: Platform) -> None:
    """The press asks Telegram; the absence that is remembered from the mute is not believed."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    held = lounge.sim.faults.hold(Hold(kind="chat_member"))
    lounge.sim.join(lounge.stranger, lounge.news)
    press = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
    await lounge.until_free(lounge.stranger)
    lounge.sim.faults.release(held)
    await finished(lounge, platform)

    assert press.answer is not None
    assert press.answer.text == "Thank you! You can write now."
    assert prompts(lounge) == []


async def test_two_presses_are_two_answers_and_one_lift(lounge: Lounge, platform: Platform) -> None:
    """Impatient fingers cost nothing."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    held = lounge.sim.faults.hold(Hold(kind="chat_member"))
    lounge.sim.join(lounge.stranger, lounge.news)
    presses = [lounge.sim.press(lounge.stranger, lounge.group, prompt, "v") for _ in range(3)]
    await lounge.until_free(lounge.stranger)
    lounge.sim.faults.release(held)
    await finished(lounge, platform)

    assert all(press.answer is not None for press in presses)
    assert restricted(lounge) == [lounge.stranger.id] * 2


async def test_a_press_in_a_group_that_is_open_again_is_answered(lounge: Lounge, platform: Platform) -> None:
    """A press on its way while /unprotect happens finds no gate."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    held = lounge.sim.faults.hold(Hold(kind="callback_query"))
    press = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
    lounge.sim.say(lounge.owner, lounge.group, "/unprotect")
    await lounge.until_free(lounge.stranger)
    lounge.sim.faults.release(held)
    await finished(lounge, platform)

    assert press.answer is not None
    assert "Nothing is required here" in str(press.answer.text)


async def test_a_press_whose_answer_fails_still_frees(lounge: Lounge, platform: Platform) -> None:
    """The query is too old to be answered: the freedom it asked for comes all the same."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    lounge.sim.faults.add(Fault(kind="error", method="answerCallbackQuery", code=400, description=old))
    lounge.sim.faults.hold(Hold(kind="chat_member"))
    lounge.sim.join(lounge.stranger, lounge.news)
    lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")

    await lounge.until_free(lounge.stranger)
    lounge.sim.faults.release()


async def test_the_settings_panel_obeys_admins_only(lounge: Lounge, platform: Platform) -> None:
    """A panel stands in the group for all to see; a member's press changes nothing."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings")
    await lounge.until_said("Settings of")
    panel = lounge.sim.messages(lounge.group)[-1]
    press = lounge.sim.press(lounge.member, lounge.group, panel, str(buttons(panel)[0]["callback_data"]))
    await finished(lounge, platform)

    rows = await platform.fetch("SELECT policy FROM protected_groups")
    assert [row["policy"] for row in rows] == ["{}"]
    assert press.answer is not None
    assert "somebody else" in str(press.answer.text)


async def test_a_press_on_a_prompt_that_a_crash_left_removes_it(lounge: Lounge, platform: Platform) -> None:
    """Whoever presses: no case knows the message, so it goes at once, and the mute stays."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    await platform.fetch("UPDATE restrictions SET prompt_message_id = prompt_message_id + 1000")
    lounge.sim.press(lounge.member, lounge.group, prompt.id, "v")
    await finished(lounge, platform)

    assert not stands(lounge, prompt)
    assert lounge.muted(lounge.stranger)

"""Prompts that only the muted member sees: nobody else is disturbed, and who takes no notice gets another."""

from functools import partial

import pytest

from bot.simulator import Call, Fault, Message, User
from tests.acceptance.kit import buttons, from_bot
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


def for_all(lounge: Lounge) -> list[Message]:
    """Return the prompts that everybody in the group sees."""
    return [each for each in _prompts(lounge) if each.receiver is None]


def seen_by(lounge: Lounge, user: User) -> list[Message]:
    """Return the prompts that only this member sees."""
    return [each for each in _prompts(lounge) if each.receiver is user]


def _prompts(lounge: Lounge) -> list[Message]:
    found = from_bot(lounge)
    return [each for each in found if any(button.get("callback_data") == "v" for button in buttons(each))]


@pytest.fixture
async def quiet(lounge: Lounge, platform: Platform) -> Lounge:
    """Protect the group by two channels and have prompts shown to the member only."""
    await lounge.protect(lounge.news, lounge.insiders)
    lounge.sim.say(lounge.owner, lounge.group, "/settings prompts=member")

    async def chosen() -> bool:
        return bool(await platform.fetch("SELECT 1 FROM protected_groups WHERE policy ->> 'prompts' = 'member'"))

    await eventually(chosen, "the setting is chosen")
    await lounge.settled()
    # The answer was for the owner alone, who has seen it.
    lounge.group.ephemeral.clear()
    return lounge


async def told(lounge: Lounge, user: User) -> Message:
    """Have a stranger write; return the prompt that only they see."""
    lounge.sim.say(user, lounge.group, "hello")
    await lounge.until_muted(user)
    await eventually(lambda: bool(seen_by(lounge, user)), "they are told")
    return seen_by(lounge, user)[0]


async def half_a_minute_passes(platform: Platform) -> None:
    """Let the prompt have stood for 30 s, as the database sees it."""
    await platform.fetch(
        "UPDATE restrictions SET due_at = due_at - interval '30 seconds', version = version,"
        " prompt_sent_at = prompt_sent_at - interval '31 seconds' RETURNING 1"
    )


async def test_the_group_sees_nothing(quiet: Lounge, platform: Platform) -> None:
    """Only the member sees the prompt, with every channel; it goes as silently when they have joined."""
    before = len(from_bot(quiet))
    prompt = await told(quiet, quiet.stranger)
    await platform.idle()

    assert [button.get("text") for button in buttons(prompt)][:2] == ["Join News", "Join Insiders"]
    assert quiet.sim.messages(quiet.group, viewer=quiet.member) == quiet.sim.messages(quiet.group, viewer=quiet.owner)
    assert prompt in quiet.sim.messages(quiet.group, viewer=quiet.stranger)
    assert for_all(quiet) == []

    quiet.sim.join(quiet.stranger, quiet.news)
    await eventually(lambda: "✅ News" in (seen_by(quiet, quiet.stranger)[0].text or ""), "a tick")
    assert not any("News" in str(button.get("text")) for button in buttons(seen_by(quiet, quiet.stranger)[0]))
    quiet.sim.join(quiet.stranger, quiet.insiders)
    await quiet.until_free(quiet.stranger)
    await eventually(lambda: not _prompts(quiet), "the prompt is gone")
    assert len(from_bot(quiet)) == before


async def test_who_takes_no_notice_gets_one_ordinary_prompt(quiet: Lounge, platform: Platform) -> None:
    """After half a minute, in place of the other; and no third one."""
    await told(quiet, quiet.stranger)
    await platform.idle()

    await half_a_minute_passes(platform)

    await eventually(lambda: len(for_all(quiet)) == 1, "an ordinary prompt")
    await platform.at_rest()
    assert seen_by(quiet, quiet.stranger) == []
    assert len(for_all(quiet)) == 1
    quiet.sim.join(quiet.stranger, quiet.news)
    quiet.sim.join(quiet.stranger, quiet.insiders)
    await quiet.until_free(quiet.stranger)
    await eventually(lambda: not _prompts(quiet), "the prompt is gone")


async def test_it_speaks_the_members_language(quiet: Lounge, platform: Platform) -> None:
    """Whether they write or come in. An ordinary prompt speaks the group's, and so does that of who tells none."""
    writes, comes = quiet.stranger, quiet.sim.add_user("Pierre", language_code="fr")
    unknown = quiet.sim.add_user("Nobody", language_code=None)
    writes.language_code = "de-AT"
    german = await told(quiet, writes)
    for user in (comes, unknown):
        quiet.sim.join(user, quiet.group)
    await eventually(lambda: bool(seen_by(quiet, comes) and seen_by(quiet, unknown)), "who comes is told")

    assert "um hier zu schreiben" in (german.text or "")
    assert [button.get("text") for button in buttons(german)][:2] == ["News beitreten", "Insiders beitreten"]
    assert "rejoignez" in (seen_by(quiet, comes)[0].text or "")
    assert "to write here" in (seen_by(quiet, unknown)[0].text or "")
    quiet.sim.join(writes, quiet.news)
    await eventually(lambda: "✅ News" in (seen_by(quiet, writes)[0].text or ""), "a tick")
    assert "um hier zu schreiben" in (seen_by(quiet, writes)[0].text or "")
    await platform.idle()
    await half_a_minute_passes(platform)
    await eventually(lambda: len(for_all(quiet)) == 2, "ordinary prompts")
    assert all("to write here" in (each.text or "") for each in for_all(quiet))


async def test_whoever_presses_it_sees_it(quiet: Lounge, platform: Platform) -> None:
    """So no other one follows; the press is answered with what is missing."""
    prompt = await told(quiet, quiet.stranger)
    await platform.idle()

    query = quiet.sim.press(quiet.stranger, quiet.group, prompt, "v")
    await eventually(lambda: query.answer is not None, "an answer")
    assert query.answer is not None
    assert "Still to join: News, Insiders" in str(query.answer.text)
    await quiet.settled()
    await half_a_minute_passes(platform)
    await platform.at_rest()

    assert seen_by(quiet, quiet.stranger) == [prompt]
    assert for_all(quiet) == []


async def test_a_refusal_is_followed_by_an_ordinary_prompt(quiet: Lounge, platform: Platform) -> None:
    """At once; and the next member of the group is not kept waiting by another refusal."""
    before = len(_asked(quiet))
    quiet.sim.faults.add(
        Fault(kind="error", method="sendMessage", code=400, description="Bad Request: EPHEMERAL_DISABLED", times=1)
    )
    for name in ("Stan", "Stella"):
        quiet.sim.join(quiet.sim.add_user(name), quiet.group)
        await eventually(partial(_names, quiet, name), "an ordinary prompt")
    await platform.at_rest()

    assert len(_asked(quiet)) == before + 1


def _asked(lounge: Lounge) -> list[Call]:
    """Return the calls by which one member was to see something."""
    return [call for call in lounge.calls("sendMessage") if "ephemeral_message_parameters" in call.params]


def _names(lounge: Lounge, name: str) -> bool:
    return any(name in str(prompt.text) for prompt in for_all(lounge))


async def test_who_leaves_takes_it_along_and_is_told_again(quiet: Lounge, platform: Platform) -> None:
    """There is one prompt when they come back, and only they see it."""
    await told(quiet, quiet.stranger)
    await platform.idle()

    quiet.sim.leave(quiet.stranger, quiet.group)
    await eventually(lambda: bool(quiet.calls("deleteEphemeralMessage")), "it is taken back")
    quiet.sim.join(quiet.stranger, quiet.group)
    await eventually(lambda: len(quiet.calls("sendMessage")) >= 2 and bool(seen_by(quiet, quiet.stranger)), "told anew")
    await platform.idle()

    assert len(_prompts(quiet)) == 1
    assert for_all(quiet) == []


async def test_a_prompt_that_nobody_knows_of_goes_when_it_is_pressed(quiet: Lounge, platform: Platform) -> None:
    """As after a crash between sending it and noting its number."""
    prompt = await told(quiet, quiet.stranger)
    await platform.idle()
    await platform.fetch("UPDATE restrictions SET prompt_ephemeral_id = 4711 RETURNING 1")

    quiet.sim.press(quiet.stranger, quiet.group, prompt, "v")

    await eventually(lambda: seen_by(quiet, quiet.stranger) == [], "it is taken back")


async def test_unprotect_takes_them_all_back(quiet: Lounge) -> None:
    """Nothing is left of the gate."""
    await told(quiet, quiet.stranger)

    quiet.sim.say(quiet.owner, quiet.group, "/unprotect")

    await quiet.until_free(quiet.stranger)
    await eventually(lambda: not _prompts(quiet), "the prompt is gone")


async def test_a_raid_is_not_seen_for_half_a_minute(quiet: Lounge, platform: Platform) -> None:
    """The first are told each; for the others, and for who takes no notice, one prompt counts them after that."""
    raiders = [quiet.sim.add_user(f"Raider{number:02}x") for number in range(20)]
    for raider in raiders:
        quiet.sim.join(raider, quiet.group)
    await eventually(lambda: all(map(quiet.muted, raiders)), "all are muted")
    await platform.idle()
    assert for_all(quiet) == []
    assert sum(len(seen_by(quiet, raider)) for raider in raiders) == 12

    await half_a_minute_passes(platform)
    await platform.at_rest()
    assert for_all(quiet) == []
    await platform.fetch("UPDATE shared_prompts SET due_at = now() RETURNING 1")

    await eventually(lambda: len(for_all(quiet)) == 1, "one prompt for all")
    assert ": 20." in str(for_all(quiet)[0].text)
    assert all(not seen_by(quiet, raider) for raider in raiders)


async def test_a_server_that_knows_nothing_of_it_is_noticed(quiet: Lounge, platform: Platform) -> None:
    """An older server sends an ordinary message in its place: that is the prompt, and there is no second one."""
    chat = {"id": quiet.group.id, "type": "supergroup", "title": "Lounge"}
    ordinary = {"message_id": 4711, "date": 1_790_000_000, "chat": chat, "text": "hello"}
    quiet.sim.faults.add(Fault(kind="lie", method="sendMessage", result=ordinary))
    quiet.sim.say(quiet.stranger, quiet.group, "hello")
    await quiet.until_muted(quiet.stranger)
    await platform.at_rest()

    (case,) = await platform.open_cases()
    assert (case["prompt_message_id"], case["prompt_ephemeral_id"]) == (4711, None)

"""The bot's own rights: lost, it pauses and frees; regained, it goes on."""

from dataclasses import replace

import pytest

from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.hosting import BOT_DISABLED
from bot.domain.ids import ChannelId, UserId
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement
from bot.services.groups.rights import missing_in_group
from tests.fakes.ports import no_hook
from tests.kits.world import ADMIN, ADMIN_STATE, BOT, GROUP, LOUNGE, NEWS, STRANGER, World

_ME = UserId(BOT)


@pytest.mark.parametrize(
    ("rights", "enforcement", "missing"),
    [
        ({"can_restrict_members", "can_delete_messages"}, Enforcement.MUTE, ()),
        ({"can_delete_messages"}, Enforcement.MUTE, ("can_restrict_members",)),
        ({"can_delete_messages"}, Enforcement.DELETE, ()),
        (set(), Enforcement.DELETE, ("can_delete_messages",)),
    ],
)
def test_what_the_bot_needs(rights: set[str], enforcement: Enforcement, missing: tuple[str, ...]) -> None:
    """Muting needs both rights, deleting one."""
    found = missing_in_group(replace(ADMIN_STATE, rights=frozenset(rights)), enforcement)

    assert found.rights == missing
    assert bool(found) == bool(missing)


async def test_a_lost_channel_opens_the_gate_and_frees_everybody(world: World) -> None:
    """Who cannot be asked about cannot be kept silent; the admin is told in private."""
    await world.speak(STRANGER)
    await world.work()
    world.telegram.states[NEWS, _ME] = MemberState(Role.MEMBER)

    await world.rights.changed(BOT, NEWS)
    await world.work()

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.paused_reason == "channel_lost"
    assert not world.muted(STRANGER)
    assert world.woken == [world.row().case.case_id]
    assert [chat for chat, message in world.telegram.sent.values() if "Lounge" in message.text] == [ADMIN]


async def test_a_channel_that_telegram_no_longer_shows_is_lost(world: World) -> None:
    """The bot was removed from it, or it is gone."""
    refusal = TelegramRefusedError(method="getChatMember", description="forbidden")
    world.telegram.fail("member_state", refusal, refusal)

    await world.rights.changed(BOT, NEWS)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.paused_reason == "channel_lost"


async def test_lost_rights_pause_without_freeing(world: World) -> None:
    """Without the right to restrict nobody could be freed anyway."""
    await world.speak(STRANGER)
    await world.work()
    world.telegram.states[GROUP, _ME] = MemberState(Role.ADMIN)

    await world.rights.changed(BOT, GROUP)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.paused_reason == "rights_lost"
    assert world.woken == []


async def test_rights_that_come_back_resume_and_look_again(world: World) -> None:
    """Every open case is looked at: its user may have joined meanwhile."""
    await world.speak(STRANGER)
    await world.work()
    world.telegram.states[GROUP, _ME] = MemberState(Role.ADMIN)
    await world.rights.changed(BOT, GROUP)
    for channel in LOUNGE.channel_ids:
        world.telegram.in_channel[channel].add(STRANGER)
    world.telegram.states[GROUP, _ME] = ADMIN_STATE

    await world.rights.changed(BOT, GROUP)
    await world.work()

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.gating
    assert not world.muted(STRANGER)


async def test_rights_that_come_back_after_unprotect_free_at_once(world: World) -> None:
    """The lifts were refused and wait for their next try; nobody has to."""
    await world.speak(STRANGER)
    await world.work()
    await world.setup.unprotect(BOT, GROUP, ADMIN)
    world.telegram.fail("put_back", TelegramRefusedError(method="restrictChatMember", description="not enough rights"))
    await world.work()
    muted_before = world.muted(STRANGER)

    await world.rights.changed(BOT, GROUP)
    await world.work()

    assert muted_before
    assert not world.muted(STRANGER)


async def test_a_resume_does_not_overwrite_a_newer_pause(world: World) -> None:
    """The channel is lost just as the rights in the group return: what is left is decided anew."""
    world.telegram.states[GROUP, _ME] = MemberState(Role.ADMIN)
    await world.rights.changed(BOT, GROUP)
    world.telegram.states[GROUP, _ME] = ADMIN_STATE

    async def lose_the_channel(step: str) -> None:
        if step == "resume":
            world.store.hook = no_hook
            world.telegram.states[NEWS, _ME] = MemberState(Role.MEMBER)
            await world.groups.pause(BOT, GROUP, "channel_lost", was="rights_lost", free=True)

    world.store.hook = lose_the_channel
    await world.rights.changed(BOT, GROUP)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.paused_reason == "channel_lost"


async def test_one_reason_does_not_lift_the_other(world: World) -> None:
    """A group that lost a channel stays paused when only its rights in the group are well."""
    world.telegram.states[NEWS, _ME] = MemberState(Role.MEMBER)
    await world.rights.changed(BOT, NEWS)

    await world.rights.changed(BOT, GROUP)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.paused_reason == "channel_lost"


async def test_the_same_news_twice_is_told_once(world: World) -> None:
    """Telegram sends one update for each right that changes."""
    world.telegram.states[NEWS, _ME] = MemberState(Role.MEMBER)
    await world.rights.changed(BOT, NEWS)
    await world.rights.changed(BOT, NEWS)

    assert len(world.telegram.sent) == 1


async def test_without_an_answer_nothing_is_concluded(world: World) -> None:
    """The update is delivered again."""
    world.telegram.fail("member_state", TelegramUnavailableError(method="getChatMember", description="away"))

    with pytest.raises(TelegramUnavailableError):
        await world.rights.changed(BOT, NEWS)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.gating


async def test_an_admin_who_never_started_the_bot_is_told_in_the_group(world: World) -> None:
    """Bots may not write first; somebody there will tell them."""
    world.telegram.states[NEWS, _ME] = MemberState(Role.MEMBER)
    world.telegram.fail("send", TelegramRefusedError(method="sendMessage", description="bot can't initiate"))

    await world.rights.changed(BOT, NEWS)

    assert [chat for chat, _ in world.telegram.sent.values()] == [GROUP]


async def test_news_that_cannot_be_told_change_nothing_else(world: World) -> None:
    """The pause holds without an audience."""
    world.telegram.states[NEWS, _ME] = MemberState(Role.MEMBER)
    refusal = TelegramRefusedError(method="sendMessage", description="no rights to send")
    world.telegram.fail("send", refusal, refusal)

    await world.rights.changed(BOT, NEWS)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.paused_reason == "channel_lost"


async def test_other_chats_cost_no_call(world: World) -> None:
    """The bot's rights matter where something depends on them."""
    await world.rights.changed(BOT, ChannelId(-3000))

    assert world.telegram.calls == []


async def test_one_refusal_about_ourselves_pauses_nothing(world: World) -> None:
    """A wrong no from Telegram must not open a gate: it is asked a second time."""
    world.telegram.fail("member_state", TelegramRefusedError(method="getChatMember", description="a whim"))

    await world.rights.changed(BOT, NEWS)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.gating


async def test_the_groups_of_a_bot_that_is_being_stopped_stay_paused(world: World) -> None:
    """Whoever is freed before the stop would be muted again, and nobody would free them then."""
    await world.configure(replace(LOUNGE, paused_reason=BOT_DISABLED))

    await world.rights.changed(BOT, GROUP)
    await world.rights.changed(BOT, NEWS)

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.paused_reason == BOT_DISABLED

"""What happens to a case between two of its worker's steps, where a simulator would need luck to get in."""

from dataclasses import replace

from bot.domain.errors import TelegramUnavailableError
from bot.domain.intent import Echo
from bot.domain.permissions import MemberState, Prior, Role
from bot.domain.policy import Enforcement, Policy
from bot.domain.restriction import Done
from tests.kits.world import BOT, GROUP, INSIDERS, LOUNGE, NEWS, STRANGER, World

_UNANSWERED = TelegramUnavailableError(method="restrictChatMember", description="no answer within 2 s")


async def _mute_lands(world: World) -> None:
    """Telegram carries out the mute that was given up as unanswered, and tells of it."""
    until = world.row().case.our_until
    assert until is not None
    change = world.change(GROUP, STRANGER, MemberState(Role.RESTRICTED, frozenset(), until))
    assert change.new.restriction == Prior(frozenset(), until)
    await world.commit(Echo(BOT, GROUP, STRANGER, until))


async def test_a_mute_that_lands_while_its_case_is_being_lifted(world: World) -> None:
    """Telegram shows a plain member, then carries the mute out: its echo comes before the lift is noted."""
    world.telegram.fail("mute", _UNANSWERED)
    await world.speak(STRANGER, 7)
    await world.work()
    await world.join(STRANGER, NEWS, INSIDERS)
    landed: list[bool] = []

    async def land(step: str) -> None:
        if step == "lifted" and not landed:
            landed.append(True)
            await _mute_lands(world)

    world.store.hook = land
    await world.work()

    assert landed
    assert not world.muted(STRANGER)
    assert world.row().closed


async def test_a_mute_that_lands_before_the_next_case_s_own(world: World) -> None:
    """The old mute's echo comes when the new mute stands: whichever of the two is in force is lifted."""
    world.telegram.fail("mute", _UNANSWERED)
    await world.speak(STRANGER, 7)
    await world.work()
    old = world.row().case.our_until
    await world.join(STRANGER, NEWS, INSIDERS)
    await world.work()
    await world.leave(STRANGER, NEWS)
    await world.work()
    new = world.row().case.our_until
    assert old is not None
    assert new not in {None, old}
    assert world.muted(STRANGER)

    await world.commit(Echo(BOT, GROUP, STRANGER, old))
    await world.work()
    await world.commit(Echo(BOT, GROUP, STRANGER, new))
    await world.work()
    await world.join(STRANGER, NEWS)
    await world.work()

    assert not world.muted(STRANGER)
    assert world.store.open_rows() == []


async def test_a_mute_that_lands_where_only_messages_go_by_now(world: World) -> None:
    """The gate mutes nobody any more when the mute that was given up is carried out: it is lifted."""
    world.telegram.fail("mute", _UNANSWERED)
    await world.speak(STRANGER, 7)
    await world.work()
    world.store.touch(world.row(), enforcement=Enforcement.DELETE)
    await world.configure(replace(LOUNGE, policy=Policy(enforcement=Enforcement.DELETE)))
    await world.work()
    assert world.row().case.done is Done.NOTICED

    await _mute_lands(world)
    await world.work()

    assert not world.muted(STRANGER)
    assert world.row().case.done is Done.NOTICED

"""What our lift has replaced: a moderator's restriction comes back, and a mute of ours never does."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import UserId
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role
from tests.kits.world import ADMIN, BOT, GROUP, INSIDERS, NEWS, STRANGER, World

_NO_LINKS = ALL_PERMISSIONS - {"can_add_web_page_previews"}
_FREE = MemberState(Role.MEMBER)


def _restricted(permissions: frozenset[str] = _NO_LINKS, until: datetime | None = None) -> MemberState:
    return MemberState(Role.RESTRICTED, permissions, until)


async def _freed(world: World) -> None:
    """Have somebody muted, and freed as they join; the case is closed."""
    await world.speak(STRANGER, 7)
    await world.work()
    await world.join(STRANGER, NEWS, INSIDERS)
    await world.work()
    assert not world.muted(STRANGER)


async def _told(world: World, old: MemberState, new: MemberState = _FREE, actor: UserId | None = None) -> None:
    """Have Telegram tell of our lift, and of what it replaced."""
    change = world.change(GROUP, STRANGER, new, actor=UserId(BOT) if actor is None else actor)
    await world.commit(*await world.events.in_group(replace(change, old=old)))


@pytest.mark.parametrize("permissions", [frozenset[str](), _NO_LINKS], ids=["mute", "no links"])
async def test_a_moderators_restriction_comes_back(world: World, permissions: frozenset[str]) -> None:
    """Whatever it was, with its own end."""
    await _freed(world)
    until = world.clock.now() + timedelta(days=7)
    await _told(world, _restricted(permissions, until))

    assert world.telegram.state(GROUP, STRANGER) == _restricted(permissions, until)


async def test_our_own_mute_does_not_come_back(world: World) -> None:
    """It is what every lift replaces; also when the case is closed by then."""
    await _freed(world)
    await _told(world, _restricted(frozenset(), world.row().case.our_until))

    assert world.telegram.state(GROUP, STRANGER) == _FREE


async def test_of_whom_nothing_is_known_nothing_comes_back(world: World) -> None:
    """A restriction with an end may be a mute of ours whose case was erased."""
    await _told(world, _restricted(frozenset(), world.clock.now() + timedelta(days=250)))

    assert world.telegram.called("put_back") == []


async def test_who_has_left_since_finds_it_on_return(world: World) -> None:
    """A restriction outlives a departure: to go and come back is no way out of it."""
    await _freed(world)
    change = replace(world.change(GROUP, STRANGER, _FREE, actor=UserId(BOT)), old=_restricted())
    world.change(GROUP, STRANGER, MemberState(Role.LEFT, is_member=False))
    await world.commit(*await world.events.in_group(change))

    assert world.telegram.state(GROUP, STRANGER) == replace(_restricted(), is_member=False)


async def test_what_changed_since_stays(world: World) -> None:
    """A moderator acted once more: theirs is the last word."""
    await _freed(world)
    last = _restricted(_NO_LINKS - {"can_send_polls"})
    change = replace(world.change(GROUP, STRANGER, _FREE, actor=UserId(BOT)), old=_restricted())
    await world.moderate(STRANGER, last)
    await world.commit(*await world.events.in_group(change))

    assert world.telegram.state(GROUP, STRANGER) == last


async def test_who_is_gated_again_gets_it_back_later(world: World) -> None:
    """Our next mute stands already when the update comes: what was replaced is what it will give back."""
    await _freed(world)
    change = replace(world.change(GROUP, STRANGER, _FREE, actor=UserId(BOT)), old=_restricted())
    await world.leave(STRANGER, NEWS)
    await world.speak(STRANGER, 8)
    await world.work()
    await world.commit(*await world.events.in_group(change))
    await world.work()

    assert world.muted(STRANGER)
    assert world.row().case.prior == Prior(_NO_LINKS, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (_FREE, _FREE),
        (_restricted(), _restricted()),
        (_restricted(_NO_LINKS), _restricted(ALL_PERMISSIONS - {"can_send_polls"})),
        (_restricted(), _restricted(frozenset())),
        (MemberState(Role.BANNED, is_member=False), MemberState(Role.LEFT, is_member=False)),
    ],
    ids=["nothing", "the same", "something else", "less", "a ban"],
)
async def test_only_what_the_lift_has_widened_comes_back(world: World, old: MemberState, new: MemberState) -> None:
    """So that what comes back is never taken for replaced itself, to and fro for ever."""
    await _freed(world)
    before = len(world.telegram.called("put_back"))
    await _told(world, old, new)

    assert len(world.telegram.called("put_back")) == before


async def test_what_moderators_lift_themselves_is_theirs(world: World) -> None:
    """Only our own calls replace what we did not see."""
    await _freed(world)
    before = len(world.telegram.called("put_back"))
    await _told(world, _restricted(), actor=ADMIN)

    assert len(world.telegram.called("put_back")) == before


async def test_what_is_nearly_over_is_over(world: World) -> None:
    """Telegram would take a few seconds for ever."""
    await _freed(world)
    await _told(world, _restricted(until=world.clock.now() + timedelta(seconds=20)))

    assert world.telegram.state(GROUP, STRANGER) == _FREE


async def test_without_an_answer_the_update_comes_again(world: World) -> None:
    """It is not acknowledged; a refusal is the end of it."""
    await _freed(world)
    world.telegram.fail("put_back", TelegramUnavailableError(method="restrictChatMember", description="away"))
    with pytest.raises(TelegramUnavailableError):
        await _told(world, _restricted())
    world.telegram.fail("put_back", TelegramRefusedError(method="restrictChatMember", description="no rights"))
    await _told(world, _restricted())
    left = world.telegram.state(GROUP, STRANGER)
    await _told(world, _restricted())

    assert left == _FREE
    assert world.telegram.state(GROUP, STRANGER) == _restricted()

"""What member updates of channels and groups oblige to."""

from dataclasses import replace

from bot.domain.event import Cause
from bot.domain.ids import ChannelId, GroupId, UserId
from bot.domain.intent import Arrived, Moderated, OpenCase, Regate, Want, WentAway
from bot.domain.membership import Membership
from bot.domain.permissions import MemberState, Role
from bot.domain.restriction import Wanted
from tests.kits.world import ADMIN, ADMIN_STATE, BOT, GROUP, INSIDERS, MEMBER, NEWS, STRANGER, World

_IN = MemberState(Role.MEMBER)
_OUT = MemberState(Role.LEFT, is_member=False)
_BANNED = MemberState(Role.BANNED, is_member=False)
_SILENCED = MemberState(Role.RESTRICTED, frozenset(), None)


async def test_the_last_missing_channel_frees(world: World) -> None:
    """Who is in all channels is free without a press and without a call."""
    await world.speak(STRANGER)
    await world.join(STRANGER, NEWS)

    intents = await world.events.in_channel(world.change(INSIDERS, STRANGER, _IN))

    assert intents == (Want((world.row().case.case_id,), Wanted.FREE, Cause.JOINED_CHANNEL),)


async def test_one_of_two_missing_channels_makes_another_look(world: World) -> None:
    """The other one is missing still, so nothing is freed yet."""
    await world.speak(STRANGER)

    intents = await world.events.in_channel(world.change(NEWS, STRANGER, _IN))

    assert intents == (Want((world.row().case.case_id,), Wanted.CHECK, Cause.JOINED_CHANNEL),)


async def test_a_join_is_remembered_before_anything_is_asked(world: World) -> None:
    """A message that comes at the same moment passes."""
    await world.events.in_channel(world.change(NEWS, STRANGER, _IN))

    assert world.cache.recall(BOT, STRANGER, NEWS) is Membership.MEMBER


async def test_who_leaves_a_channel_is_looked_at_in_every_group(world: World) -> None:
    """The absence is remembered, and what was just seen is written first."""
    await world.speak(MEMBER)

    intents = await world.events.in_channel(world.change(NEWS, MEMBER, _OUT))

    assert intents == (Regate(BOT, MEMBER, NEWS, "User 2"),)
    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.ABSENT
    assert (BOT, GROUP, MEMBER) in world.store.seen


async def test_a_bot_that_leaves_a_channel_obliges_to_nothing(world: World) -> None:
    """Bots are not gated."""
    change = replace(world.change(NEWS, MEMBER, _OUT), is_bot=True)

    assert await world.events.in_channel(change) == ()


async def test_a_channel_that_nobody_requires_is_ignored(world: World) -> None:
    """The bot may be an admin in channels that guard nothing."""
    other = ChannelId(-2999)
    world.telegram.in_channel[other] = set()

    assert await world.events.in_channel(world.change(other, STRANGER, _IN)) == ()
    assert world.cache.shared.entries == {}


async def test_a_channel_of_an_open_group_is_still_followed(world: World) -> None:
    """Else who leaves while the gate is open would pass on an old answer when it is closed again."""
    await world.join(STRANGER, NEWS)
    await world.setup.unprotect(BOT, GROUP, ADMIN)
    await world.leave(STRANGER, NEWS)

    assert world.cache.recall(BOT, STRANGER, NEWS) is Membership.ABSENT


async def test_a_promotion_in_a_channel_is_still_a_membership(world: World) -> None:
    """Neither a join nor a departure, and remembered all the same."""
    intents = await world.events.in_channel(world.change(NEWS, MEMBER, ADMIN_STATE))

    assert intents == ()
    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.MEMBER


async def test_a_stranger_who_comes_in_is_gated_without_a_word(world: World) -> None:
    """No message needs to be removed, so the case has none."""
    world.telegram.states[GROUP, STRANGER] = _OUT

    intents = await world.events.in_group(world.change(GROUP, STRANGER, _IN))

    assert [(type(intent), intent.wanted) for intent in intents if isinstance(intent, OpenCase)] == [
        (OpenCase, Wanted.MUTE)
    ]


async def test_a_member_of_the_channels_comes_in_freely(world: World) -> None:
    """When they came is noted, and nothing follows."""
    world.telegram.states[GROUP, MEMBER] = _OUT

    assert await world.events.in_group(world.change(GROUP, MEMBER, _IN)) == (Arrived(BOT, GROUP, MEMBER),)


async def test_a_bot_or_an_admin_who_comes_in_is_not_gated(world: World) -> None:
    """An admin may be added as one at once."""
    world.telegram.states[GROUP, STRANGER] = _OUT
    as_admin = world.change(GROUP, STRANGER, ADMIN_STATE, actor=ADMIN)
    as_bot = replace(world.change(GROUP, STRANGER, _IN), old=_OUT, is_bot=True)

    assert await world.events.in_group(as_admin) == (Arrived(BOT, GROUP, STRANGER),)
    assert await world.events.in_group(as_bot) == ()


async def test_the_echo_of_our_own_call_is_ignored(world: World) -> None:
    """Telegram tells the bot what the bot did."""
    change = world.change(GROUP, STRANGER, _SILENCED, actor=UserId(BOT))

    assert await world.events.in_group(change) == ()


async def test_a_moderator_s_restriction_is_taken_over(world: World) -> None:
    """What now stands is what is given back later."""
    intents = await world.events.in_group(world.change(GROUP, STRANGER, _SILENCED, actor=ADMIN))

    assert intents == (Moderated(BOT, GROUP, STRANGER, _SILENCED.restriction),)


async def test_a_moderator_s_release_is_taken_over(world: World) -> None:
    """No restriction stands any more."""
    world.telegram.states[GROUP, STRANGER] = _SILENCED

    intents = await world.events.in_group(world.change(GROUP, STRANGER, _IN, actor=ADMIN))

    assert intents == (Moderated(BOT, GROUP, STRANGER, None),)


async def test_a_ban_ends_what_is_ours_and_tidies_up(world: World) -> None:
    """Nothing of ours is to stand; the case takes its prompt along."""
    intents = await world.events.in_group(world.change(GROUP, STRANGER, _BANNED, actor=ADMIN))

    assert intents == (Moderated(BOT, GROUP, STRANGER, None, banned=True),)


async def test_leaving_keeps_a_restriction(world: World) -> None:
    """Telegram keeps it too; only the prompt goes."""
    world.telegram.states[GROUP, STRANGER] = _SILENCED

    intents = await world.events.in_group(world.change(GROUP, STRANGER, replace(_SILENCED, is_member=False)))

    assert intents == (WentAway(BOT, GROUP, STRANGER),)


async def test_other_groups_are_none_of_our_business(world: World) -> None:
    """The bot may be in groups that were never protected."""
    assert await world.events.in_group(world.change(GroupId(-77), STRANGER, _SILENCED, actor=ADMIN)) == ()

"""A mute that a pause of Telegram's keeps from being imposed: what is asked again, and what is not."""

from collections.abc import Awaitable, Callable

from bot.domain.errors import TelegramUnavailableError
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role
from bot.services.gate.preparations import Preparations
from tests.kits.world import STRANGER, World

_NO_LINKS = ALL_PERMISSIONS - {"can_add_web_page_previews"}


async def _nothing() -> None:
    """Let nothing happen meanwhile."""


async def _calls_after_a_pause(
    world: World, seconds: float = 2, meanwhile: Callable[[], Awaitable[None]] = _nothing
) -> list[str]:
    """Have Telegram ask for a pause instead of a mute; return what is called after it, up to the mute."""
    asked: list[str] = []

    async def flooded(step: str) -> None:
        if step == "mute" and not asked:
            asked.append(step)
            raise TelegramUnavailableError(method="restrictChatMember", description="flood", retry_after=seconds)

    world.telegram.hook = flooded
    await world.speak(STRANGER, 7)
    await world.work()
    assert not world.muted(STRANGER)
    await meanwhile()
    world.clock.advance(seconds * 1.1 + 0.1)
    before = len(world.telegram.calls)
    await world.work()
    names = [str(call[0]) for call in world.telegram.calls[before:]]
    return names[: names.index("mute") + 1]


async def test_a_case_that_a_pause_put_back_goes_on_with_the_second_question(world: World) -> None:
    """In a storm of 429s three calls in a row never get through: the user's state is not read once more."""
    calls = await _calls_after_a_pause(world)

    assert calls == ["membership", "membership", "mute"]
    assert world.muted(STRANGER)


async def test_a_preparation_is_not_relied_on_for_long(world: World) -> None:
    """What moderators do reaches us within moments, unless updates are late, too."""
    assert "member_state" in await _calls_after_a_pause(world, seconds=60)


async def test_a_preparation_ends_with_whatever_happens_to_the_case(world: World) -> None:
    """A moderator restricts the user during the pause: their state is read again, and given back later."""

    async def restrict() -> None:
        await world.moderate(STRANGER, MemberState(Role.RESTRICTED, _NO_LINKS))

    calls = await _calls_after_a_pause(world, meanwhile=restrict)

    assert "member_state" in calls
    assert world.muted(STRANGER)
    assert world.row().case.prior == Prior(_NO_LINKS, None)


async def test_another_instance_looks_for_itself(world: World) -> None:
    """It knows nothing of what the first had prepared."""

    async def take_over() -> None:
        world.preparations = Preparations(monotonic=world.clock.monotonic)

    assert "member_state" in await _calls_after_a_pause(world, meanwhile=take_over)

"""An operator's message while Telegram does not answer: sent again where it surely was not sent, else never."""

import asyncio

import pytest

from bot.domain.errors import TelegramUnavailableError, TokenRefusedError
from bot.domain.ids import UserId
from bot.domain.operator import Actor, Operator, Rank, Source
from bot.services.operating.groups import GroupDesk, Sent
from tests.fakes.notes import FakeNotes
from tests.kits.world import BOT, GROUP, LOUNGE, World

WHO = Operator(Actor(UserId(7), Source.API), Rank.OPERATOR, None)


class Stage:
    """A desk over fakes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.notes = FakeNotes()
        self.desk = GroupDesk(
            groups=world.directory,
            gates=world.policies,
            rights=world.rights,
            telegram=world.telegram,
            notes=self.notes,
            clock=world.clock,
        )

    async def send(self, text: str = "hello") -> Sent:
        """Write to the group."""
        return await self.desk.send(WHO, BOT, GROUP, text)

    @property
    def tries(self) -> int:
        """How often Telegram was asked to say something."""
        return len(self.world.telegram.called("send"))


@pytest.fixture
async def stage(world: World) -> Stage:
    """Protect the lounge."""
    await world.configure(LOUNGE)
    return Stage(world)


def unsent(retry_after: float | None = None) -> TelegramUnavailableError:
    """Return what a call raises that was not made."""
    return TelegramUnavailableError(
        method="sendMessage", description="the circuit is open", retry_after=retry_after, nothing_done=True
    )


async def test_what_was_not_sent_is_sent_again_after_1_2_and_4_seconds(stage: Stage) -> None:
    """And then it is said once."""
    stage.world.telegram.fail("send", unsent(), unsent(), unsent())

    assert await stage.send() == Sent(1)
    assert stage.world.clock.slept == [1.0, 2.0, 4.0]
    assert stage.tries == 4
    assert [detail["parts"] for detail in stage.notes.details] == [1]


async def test_after_three_retries_whoever_asked_is_told(stage: Stage) -> None:
    """That nothing was sent; and nothing is noted."""
    stage.world.telegram.fail("send", *(unsent() for _ in range(4)))

    with pytest.raises(TelegramUnavailableError, match="the circuit is open; nothing was sent"):
        await stage.send()
    assert stage.tries == 4
    assert stage.notes.details == []


async def test_what_may_have_been_sent_is_not_sent_again(stage: Stage) -> None:
    """A call without an answer may have been carried out: a person decides."""
    stage.world.telegram.fail("send", TelegramUnavailableError(method="sendMessage", description="no answer"))

    with pytest.raises(TelegramUnavailableError, match="no answer; whether it was sent is unknown"):
        await stage.send()
    assert stage.tries == 1
    assert stage.world.clock.slept == []


@pytest.mark.parametrize(("named", "slept"), [(9.0, [9.0]), (24.0, [24.0]), (25.0, []), (9000.0, [])])
async def test_a_pause_is_kept_while_somebody_waits_for_the_answer(
    stage: Stage, named: float, slept: list[float]
) -> None:
    """A longer one is told, with the time after which it is worth while."""
    stage.world.telegram.fail("send", unsent(named))
    (outcome,) = await asyncio.gather(stage.send(), return_exceptions=True)

    assert stage.world.clock.slept == slept
    assert getattr(outcome, "retry_after", None) == (None if slept else named)


async def test_parts_share_one_time(stage: Stage) -> None:
    """However many parts have to wait, the answer comes within half a minute."""
    stage.world.telegram.fail("send", *(unsent(9.0) for _ in range(3)))

    with pytest.raises(TelegramUnavailableError):
        await stage.send("word " * 2000)
    assert sum(stage.world.clock.slept) < 25


async def test_a_refused_token_is_no_outage(stage: Stage) -> None:
    """Whoever asked hears of the token."""
    stage.world.telegram.fail("send", TokenRefusedError(method="sendMessage", description="Unauthorized"))

    with pytest.raises(TokenRefusedError):
        await stage.send()
    assert stage.tries == 1

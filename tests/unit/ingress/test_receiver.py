"""What becomes of an update whose handlers are through, and whose mark cannot be written."""

import time
from collections.abc import Sequence

import pytest

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.intent import Intent, WentAway
from bot.ingress.gate import Gate
from bot.ingress.receiver import Answer, Receiver
from tests.fakes.ports import FakeClock
from tests.fakes.store import FakeStore
from tests.fakes.tables import FakeInbox
from tests.unit.ingress.test_polling import Ignored, nobody

BOT = BotId(1)
COMMAND = b'{"update_id": 7, "message": {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"}}}'


class Scene:
    """A receiver whose database goes away as soon as a handler has answered."""

    def __init__(self, *intents: Intent) -> None:
        self.intents = intents
        self.answers = 0
        self.store = FakeStore(FakeClock())
        ignored = Ignored()
        self.receiver = Receiver(
            gate=Gate(groups=ignored, memory=ignored, sightings=ignored),
            inbox=FakeInbox(self.store),
            dispatchers={BOT: self.answer},
            stopgap=ignored,
            wake=nobody,
            counter=ignored,
            monotonic=time.monotonic,
        )

    async def answer(self, body: bytes, *, is_owed: bool = False) -> Sequence[Intent]:
        """Answer, whoever asks."""
        del body, is_owed
        self.answers += 1
        self.store.hook = self.fail
        return self.intents

    async def fail(self, step: str) -> None:
        """Be away when the update is to be settled."""
        if step == "settle":
            raise StoreUnavailableError("away")


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_command_that_was_answered_is_done_without_its_mark(is_kept: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """It carried out what it had to: done again it would be answered again."""
    scene = Scene()
    if is_kept:
        done = await scene.receiver.replay(BOT, COMMAND)
    else:
        done = await scene.receiver.receive(BOT, COMMAND) is Answer.DONE

    assert done
    assert scene.answers == 1


async def test_what_something_is_owed_for_is_handled_again() -> None:
    """The intent was lost with the mark."""
    scene = Scene(WentAway(BOT, GroupId(-1), UserId(2)))

    assert await scene.receiver.receive(BOT, COMMAND) is Answer.BUSY
    assert not await scene.receiver.replay(BOT, COMMAND)
    assert scene.answers == 2

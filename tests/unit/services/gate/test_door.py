"""How a request to join is answered, branch by branch."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import StoreUnavailableError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import MessageId
from bot.domain.intent import AsksAgain
from bot.domain.knock import Knock
from bot.domain.member_change import MemberChange
from bot.domain.membership import Require
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement, JoinRequests, Policy
from bot.services.gate.door import Door
from tests.kits.world import BOT, GROUP, INSIDERS, LOUNGE, MEMBER, NEWS, STRANGER, World

_APPROVE = Policy(join_requests=JoinRequests.APPROVE)
_DECLINE = Policy(join_requests=JoinRequests.DECLINE)


class FakeKnocks:
    """Requests that are due, and what became of them."""

    def __init__(self, *due: Knock) -> None:
        self.due = list(due)
        self.finished: list[Knock] = []
        self.informed: list[MessageId | None] = []
        self.delays: list[float] = []

    async def take(self, limit: int) -> Sequence[Knock]:
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def told(self, _: Knock, message: MessageId | None) -> None:
        self.informed.append(message)

    async def later(self, _: Knock, *, seconds: float) -> None:
        self.delays.append(seconds)

    async def done(self, knock: Knock) -> None:
        self.finished.append(knock)


async def turn(world: World, policy: Policy, knock: Knock) -> FakeKnocks:
    """Answer one request under a policy."""
    await world.configure(replace(LOUNGE, policy=policy))
    store = FakeKnocks(knock)
    door = Door(
        store=store,
        directory=world.directory,
        judgement=world.judgement,
        telegram=world.telegram,
        texts=world.texts,
        clock=world.clock,
    )
    await door.turn()
    return store


@pytest.fixture
def knock(world: World) -> Knock:
    """Return the stranger's request, just made."""
    return Knock(
        bot_id=BOT,
        group_id=GROUP,
        user_id=STRANGER,
        language="de",
        expires_at=world.clock.now() + timedelta(days=1),
        is_told=False,
        message_id=None,
        version=1,
        attempts=0,
    )


async def test_a_member_is_let_in_and_the_note_goes(world: World, knock: Knock) -> None:
    """What was said about the request is of no use any more."""
    store = await turn(world, _APPROVE, replace(knock, user_id=MEMBER, is_told=True, message_id=MessageId(5)))

    assert world.telegram.called("approve") == [(GROUP, MEMBER)]
    assert world.telegram.deleted == {5}
    assert len(store.finished) == 1


@pytest.mark.parametrize(("require", "words"), [(Require.ALL, "bitte zuerst"), (Require.ANY, "einem davon")])
async def test_a_stranger_is_told_once_in_their_language(
    world: World, knock: Knock, require: Require, words: str
) -> None:
    """With a button for each channel; the second look sends nothing."""
    store = await turn(world, replace(_APPROVE, require=require), knock)
    (message,) = world.telegram.standing()
    again = await turn(world, _APPROVE, replace(knock, is_told=True, message_id=MessageId(5)))

    assert words in message.text
    assert [row[0].url for row in message.buttons] == ["https://t.me/gm_news", "https://t.me/+abc"]
    assert store.informed == [MessageId(5000)]
    assert again.informed == [MessageId(5)]
    assert len(world.telegram.standing()) == 1


async def test_who_cannot_be_told_waits_as_well(world: World, knock: Knock) -> None:
    """Telegram lets no bot write to somebody who has blocked it."""
    world.telegram.fail("send", TelegramRefusedError(method="sendMessage", description="Forbidden"))

    store = await turn(world, _APPROVE, knock)

    assert store.informed == [None]


async def test_a_doubt_waits_and_never_declines(world: World, knock: Knock) -> None:
    """Not even at the end of the day."""
    world.telegram.silent = {NEWS, INSIDERS}

    waiting = await turn(world, _DECLINE, knock)
    expired = await turn(world, _DECLINE, replace(knock, expires_at=world.clock.now()))

    assert waiting.delays == [1.0]
    assert len(expired.finished) == 1
    assert world.telegram.called("decline") == []


@pytest.mark.parametrize(
    ("policy", "is_told", "declined"),
    [(_APPROVE, True, []), (_DECLINE, True, [(GROUP, STRANGER)]), (_DECLINE, False, [])],
)
async def test_a_request_that_expired(
    world: World,
    knock: Knock,
    policy: Policy,
    is_told: bool,  # noqa: FBT001 - a table
    declined: list[tuple[object, ...]],
) -> None:
    """It is declined by choice only, and never on the first answer: who was not told was not found absent before."""
    store = await turn(world, policy, replace(knock, is_told=is_told, expires_at=world.clock.now()))

    assert world.telegram.called("decline") == declined
    assert len(store.finished) == 1


@pytest.mark.parametrize("policy", [Policy(), replace(_DECLINE, enforcement=Enforcement.OBSERVE)])
async def test_a_group_that_leaves_requests_alone(world: World, knock: Knock, policy: Policy) -> None:
    """No call is made for it."""
    calls = len(world.telegram.calls)

    store = await turn(world, policy, knock)

    assert len(store.finished) == 1
    assert len(world.telegram.calls) == calls


async def test_no_answer_is_tried_again_and_a_refusal_is_not(world: World, knock: Knock) -> None:
    """Who asked for time gets it; somebody else may have answered already."""
    member = replace(knock, user_id=MEMBER, message_id=MessageId(5), is_told=True)
    away = TelegramUnavailableError(method="approveChatJoinRequest", description="away", retry_after=7)
    gone = TelegramRefusedError(method="approveChatJoinRequest", description="HIDE_REQUESTER_MISSING")
    world.telegram.fail("approve", away, gone)
    world.telegram.fail("delete_messages", TelegramRefusedError(method="deleteMessage", description="too old"))

    first, second = await turn(world, _APPROVE, member), await turn(world, _APPROVE, member)

    assert first.delays == [7]
    assert len(second.finished) == 1


async def test_joining_a_channel_asks_again(world: World) -> None:
    """Only where some group answers requests."""
    assert AsksAgain(BOT, STRANGER) not in await world.events.in_channel(_joining(world))
    await world.configure(replace(LOUNGE, policy=_APPROVE))
    await world.leave(STRANGER, NEWS)

    assert AsksAgain(BOT, STRANGER) in await world.events.in_channel(_joining(world))


def _joining(world: World) -> MemberChange:
    return world.change(NEWS, STRANGER, MemberState(Role.MEMBER))


async def test_the_work_goes_on_after_an_outage(world: World, knock: Knock) -> None:
    """PostgreSQL comes back."""
    await world.configure(replace(LOUNGE, policy=_APPROVE))

    class Away(FakeKnocks):
        async def take(self, limit: int) -> Sequence[Knock]:
            if not self.delays:
                self.delays.append(0)
                raise StoreUnavailableError("away")
            if not self.due:
                raise KeyboardInterrupt
            return await super().take(limit)

    store = Away(replace(knock, user_id=MEMBER))
    door = Door(
        store=store,
        directory=world.directory,
        judgement=world.judgement,
        telegram=world.telegram,
        texts=world.texts,
        clock=world.clock,
    )

    with pytest.raises(KeyboardInterrupt):
        await door.run()
    assert len(store.finished) == 1

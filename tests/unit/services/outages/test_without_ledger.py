"""What is done, and what is left to Telegram's queue, while there is no ledger."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import NotReadyError, StoreUnavailableError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.event import Cause
from bot.domain.ids import BotId, CaseId, MessageId, UpdateId, UserId
from bot.domain.intent import Intent, KeptUpdate, OpenCase, Want, WentAway
from bot.domain.permissions import MemberState, Prior, Role
from bot.domain.policy import Enforcement, OnUnknown, Policy
from bot.domain.restriction import CaseCopy, Wanted
from bot.services.outages.catching_up import CatchingUp
from bot.services.outages.copied_cases import CopiedCases
from bot.services.outages.reminding import Reminding
from bot.services.outages.without_ledger import WithoutLedger
from tests.fakes.ports import FakeClock
from tests.fakes.reminders import FakeReminders, SharedReminders
from tests.kits.world import ADMIN_STATE, BOT, GROUP, INSIDERS, LOUNGE, MEMBER, NEWS, STRANGER, World

OURS = datetime(2027, 6, 1, 12, 0, 7, tzinfo=UTC)
COPY = CaseCopy(CaseId(1), BOT, GROUP, STRANGER, 2, OURS, None, MessageId(9))
MUTED = MemberState(Role.RESTRICTED, frozenset(), OURS)


@dataclass
class Kept:
    """A backlog in memory."""

    most: int = 10
    away: bool = False
    updates: list[KeptUpdate] = field(default_factory=list)

    async def keep(self, update: KeptUpdate) -> bool:
        if self.away:
            raise NotReadyError("away")
        if all(update.key != kept.key for kept in self.updates):
            if len(self.updates) == self.most:
                return False
            self.updates.append(update)
        return True

    async def bots(self) -> set[BotId]:
        return {update.bot_id for update in self.updates}

    async def empty(self, bot: BotId) -> bool:
        return not await self.first(bot, 1)

    async def first(self, bot: BotId, limit: int) -> list[KeptUpdate]:
        found = [update for update in self.updates if update.bot_id == bot]
        return sorted(found, key=lambda update: update.update_id)[:limit]

    async def done(self, update: KeptUpdate) -> None:
        self.updates.remove(update)


@dataclass
class Copies:
    """Copies in memory."""

    copies: list[CaseCopy] = field(default_factory=list)

    async def of_user(self, bot: BotId, user: UserId) -> list[CaseCopy]:
        return [copy for copy in self.copies if (copy.bot_id, copy.user_id) == (bot, user)]

    async def find(self, cases: Sequence[CaseId]) -> list[CaseCopy]:
        return [copy for copy in self.copies if copy.case_id in cases]


@dataclass
class Outage:
    """An outage that a test ends."""

    away: bool = True


@dataclass
class Scene:
    """The world without its ledger."""

    world: World
    kept: Kept = field(default_factory=Kept)
    copies: Copies = field(default_factory=lambda: Copies([COPY]))

    def __post_init__(self) -> None:
        self.service = WithoutLedger(
            directory=self.world.directory,
            copies=self.copies,
            strangers=self.kept,
            verification=self.world.verification,
            reminding=Reminding(
                store=FakeReminders(SharedReminders(self.world.clock)),
                telegram=self.world.telegram,
                ephemeral=self.world.telegram,
                texts=self.world.texts,
                outage=Outage(),
                clock=self.world.clock,
                journal=self.world.journal,
            ),
            telegram=self.world.telegram,
            clock=self.world.clock,
            journal=self.world.journal,
        )
        self.cases = CopiedCases(copies=self.copies, directory=self.world.directory, telegram=self.world.telegram)

    async def settle(self, *intents: Intent) -> bool:
        return await self.service.settle(UpdateId(self.world.number()), b"{}", intents)


@pytest.fixture
def scene(world: World) -> Scene:
    """Return the world without its ledger."""
    return Scene(world)


def wrote(user: UserId = STRANGER, wanted: Wanted = Wanted.MUTE, message: int = 7) -> OpenCase:
    """Return what a message obliges to."""
    return OpenCase(BOT, GROUP, user, "Sam", "en", Enforcement.MUTE, wanted, (MessageId(message),))


# Strangers


async def test_a_stranger_s_messages_go_and_one_is_kept(scene: Scene) -> None:
    """The first brings about the mute when there is a ledger again; nobody is muted before that."""
    done = [await scene.settle(wrote(message=number)) for number in (7, 8)]

    assert done == [True, True]
    assert scene.world.telegram.deleted == {7, 8}
    assert len(scene.kept.updates) == 1
    assert scene.world.telegram.called("mute") == []
    assert len(scene.world.telegram.standing()) == 1


async def test_nobody_is_reminded_where_no_message_went(scene: Scene) -> None:
    """Somebody comes in without a word; Telegram refuses to delete what they write then."""
    await scene.settle(replace(wrote(), delete_ids=()))
    scene.world.telegram.fail("delete_messages", TelegramRefusedError(method="deleteMessage", description="no right"))
    await scene.settle(wrote())

    assert len(scene.kept.updates) == 1
    assert scene.world.telegram.standing() == []


@pytest.mark.parametrize(("wanted", "questions"), [(Wanted.MUTE, 1), (Wanted.CHECK, 2)])
async def test_only_two_absences_remove_a_message(scene: Scene, wanted: Wanted, questions: int) -> None:
    """One is behind an intent to mute already; none is behind a check that was too slow. A join in between is seen."""
    asked: list[str] = []

    async def join_late(name: str) -> None:
        asked.append(name)
        if asked.count("membership") == 2 * (questions - 1) + 1:
            scene.world.telegram.in_channel = {NEWS: {STRANGER}, INSIDERS: {STRANGER}}

    scene.world.telegram.hook = join_late
    done = await scene.settle(wrote(wanted=wanted))

    assert done
    assert scene.world.telegram.deleted == set()
    assert scene.kept.updates == []


@pytest.mark.parametrize(
    ("wanted", "on_unknown", "done"),
    [
        (Wanted.MUTE, OnUnknown.HOLD, True),
        (Wanted.CHECK, OnUnknown.ALLOW, True),
        (Wanted.CHECK, OnUnknown.HOLD, False),
    ],
)
async def test_a_doubt_removes_nothing(scene: Scene, wanted: Wanted, on_unknown: OnUnknown, done: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Where the group holds what cannot be checked, the update waits; else the message stays."""
    await scene.world.configure(replace(LOUNGE, policy=Policy(on_unknown=on_unknown)))
    scene.world.telegram.silent = {NEWS, INSIDERS}

    assert await scene.settle(wrote(wanted=wanted)) is done
    assert scene.world.telegram.deleted == set()


async def test_an_admin_s_message_stays(scene: Scene) -> None:
    """Also of one who was made admin a moment ago."""
    scene.world.telegram.states[GROUP, STRANGER] = ADMIN_STATE

    assert await scene.settle(wrote())
    assert scene.world.telegram.deleted == set()


async def test_whom_a_policy_may_spare_is_left_alone(scene: Scene) -> None:
    """Whom, is in PostgreSQL: the update waits."""
    await scene.world.configure(replace(LOUNGE, policy=Policy(grace_minutes=5)))

    assert not await scene.settle(wrote())
    assert scene.world.telegram.deleted == set()


async def test_a_gate_that_only_observes_touches_nothing(scene: Scene) -> None:
    """What it would have done is noted later."""
    assert await scene.settle(replace(wrote(), enforcement=Enforcement.OBSERVE))

    assert scene.world.telegram.deleted == set()
    assert len(scene.kept.updates) == 1


async def test_what_cannot_be_kept_or_deleted_waits(scene: Scene) -> None:
    """No room, no Redis, no Telegram: the update is not acknowledged."""
    scene.kept.most = 0
    no_room = await scene.settle(wrote())
    scene.kept.most, scene.kept.away = 10, True
    with pytest.raises(NotReadyError):
        await scene.settle(wrote())
    untouched = not scene.world.telegram.deleted
    scene.kept.away = False
    scene.world.telegram.fail("delete_messages", TelegramUnavailableError(method="deleteMessage", description="away"))
    with pytest.raises(TelegramUnavailableError):
        await scene.settle(wrote())

    assert not no_room
    assert untouched


async def test_what_only_the_ledger_can_remember_waits(scene: Scene) -> None:
    """Even beside something that is done."""
    assert not await scene.settle(wrote(), WentAway(BOT, GROUP, STRANGER))
    assert scene.world.telegram.deleted == {7}


# Lifts


@pytest.mark.parametrize(
    ("state", "lifted"),
    [
        (MUTED, True),
        (replace(MUTED, until=OURS + timedelta(seconds=1)), False),
        (replace(MUTED, until=None), False),
        (MemberState(Role.MEMBER), False),
        (ADMIN_STATE, False),
        (MemberState(Role.BANNED, until=OURS, is_member=False), False),
    ],
)
async def test_only_our_own_mute_is_lifted(scene: Scene, state: MemberState, lifted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Recognised by its end; and the update waits all the same, for the ledger has to hear of it."""
    scene.world.telegram.states[GROUP, STRANGER] = state
    scene.world.telegram.in_channel = {NEWS: {STRANGER}, INSIDERS: {STRANGER}}
    done = await scene.settle(Want((COPY.case_id,), Wanted.FREE, Cause.PRESS))
    await scene.settle(Want((COPY.case_id,), Wanted.FREE, Cause.PRESS))

    assert not done
    assert len(scene.world.telegram.called("put_back")) == lifted
    assert scene.world.telegram.deleted == ({9} if lifted else set())


async def test_a_lift_gives_back_what_was_there_before(scene: Scene) -> None:
    """As the copy has it; nothing when it is nearly over."""
    prior = Prior(frozenset({"can_send_messages"}), None)
    ending = Prior(prior.permissions, scene.world.clock.now() + timedelta(seconds=5))
    scene.copies.copies = [
        replace(COPY, case_id=CaseId(number), version=number, prior=each) for number, each in ((1, prior), (2, ending))
    ]
    scene.world.telegram.in_channel = {NEWS: {STRANGER}, INSIDERS: {STRANGER}}
    for number in (1, 2):
        scene.world.telegram.states[GROUP, STRANGER] = MUTED
        await scene.settle(Want((CaseId(number),), Wanted.CHECK, Cause.JOINED_CHANNEL))

    assert [call[2] for call in scene.world.telegram.called("put_back")] == [prior, None]


async def test_who_has_not_joined_everything_is_not_freed(scene: Scene) -> None:
    """Whatever the event said: every channel is asked about."""
    scene.world.telegram.states[GROUP, STRANGER] = MUTED
    scene.world.telegram.in_channel = {NEWS: {STRANGER}, INSIDERS: set()}
    await scene.settle(Want((COPY.case_id,), Wanted.FREE, Cause.PRESS))

    assert scene.world.telegram.called("put_back") == []


async def test_without_a_copy_nothing_is_taken_for_granted(scene: Scene) -> None:
    """Only what Telegram shows proves that there is nothing to lift."""
    scene.copies.copies = []
    scene.world.telegram.states[GROUP, STRANGER] = MUTED
    for question in (scene.cases.of_user(BOT, STRANGER, NEWS), scene.cases.open_case(BOT, GROUP, STRANGER)):
        with pytest.raises(StoreUnavailableError):
            await question
    with pytest.raises(StoreUnavailableError):
        await scene.cases.count_open(BOT, GROUP)

    assert await scene.cases.of_user(BOT, MEMBER, NEWS) == []
    assert await scene.cases.open_case(BOT, GROUP, MEMBER) is None
    assert await scene.cases.prompt_stands(BOT, GROUP, MessageId(9))


# Afterwards


async def test_what_was_kept_is_done_in_order_and_first(scene: Scene) -> None:
    """One bot's commands before its strangers; other changes wait; one bot does not wait for another."""
    other, outage, handled = BotId(43), Outage(away=False), list[tuple[BotId, bytes]]()
    commands, clock = Kept(), scene.world.clock
    catching_up = CatchingUp(outage=outage, commands=commands, strangers=scene.kept, bots={BOT, other}, clock=clock)
    for number, bot in ((5, BOT), (4, BOT), (1, other)):
        await commands.keep(KeptUpdate(f"{number}", bot, UpdateId(number), b"%d" % number))
    await scene.kept.keep(KeptUpdate("9", BOT, UpdateId(3), b"stranger"))

    async def replay(bot: BotId, body: bytes) -> bool:
        handled.append((bot, body))
        await catching_up.turn(bot)
        return bot == BOT

    with pytest.raises(StoreUnavailableError):
        await catching_up.turn(BOT)
    work = asyncio.get_running_loop().create_task(
        catching_up.run(scene.world.directory.refresh, replay, _give_up_never)
    )
    for _ in range(50):
        await asyncio.sleep(0)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work

    assert [body for bot, body in handled if bot == BOT] == [b"4", b"5", b"stranger"]
    assert {body for bot, body in handled if bot == other} == {b"1"}
    await catching_up.turn(BOT)
    with pytest.raises(StoreUnavailableError):
        await catching_up.turn(other)


async def test_nothing_kept_is_handled_by_settings_of_before_the_outage(scene: Scene) -> None:
    """They are read first; while that fails, what was kept waits."""
    steps, commands, clock = list[str](), Kept(), scene.world.clock
    catching_up = CatchingUp(
        outage=Outage(away=False), commands=commands, strangers=scene.kept, bots={BOT}, clock=clock
    )
    await commands.keep(KeptUpdate("4", BOT, UpdateId(4), b"4"))

    async def read_up() -> None:
        steps.append("read")
        if len(steps) < 3:
            raise StoreUnavailableError("away again")

    async def replay(_: BotId, body: bytes) -> bool:
        steps.append(body.decode())
        return True

    work = asyncio.get_running_loop().create_task(catching_up.run(read_up, replay, _give_up_never))
    for _ in range(50):
        await asyncio.sleep(0)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work

    assert steps == ["read", "read", "read", "4"]


async def _give_up_never(bot: BotId, body: bytes, reason: str) -> bool:
    """Be asked only when something has waited for too long."""
    raise AssertionError((bot, body, reason))


async def test_what_cannot_be_handled_is_given_up_after_ten_minutes(scene: Scene) -> None:
    """Counted from when PostgreSQL was there; a letter that cannot be written is tried again; then the next is done."""
    outage, clock, commands = Outage(away=False), FakeClock(), Kept()
    handled: list[tuple[float, bytes]] = []
    given_up: list[tuple[float, bytes]] = []
    catching_up = CatchingUp(outage=outage, commands=commands, strangers=scene.kept, bots={BOT}, clock=clock)
    for number in (4, 5):
        await commands.keep(KeptUpdate(f"{number}", BOT, UpdateId(number), b"%d" % number))

    async def replay(_: BotId, body: bytes) -> bool:
        handled.append((clock.monotonic(), body))
        # A second outage in between: the time begins anew.
        outage.away = len(handled) == 300
        return body == b"5"

    async def give_up(_: BotId, body: bytes, reason: str) -> bool:
        assert reason
        given_up.append((clock.monotonic(), body))
        return len(given_up) == 2

    began = clock.monotonic()
    work = asyncio.get_running_loop().create_task(catching_up.run(scene.world.directory.refresh, replay, give_up))
    for _ in range(3000):
        await asyncio.sleep(0)
        outage.away = outage.away and len(handled) == 300 and clock.monotonic() - began < 350
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work

    assert [body for _, body in given_up] == [b"4", b"4"]
    assert 900 <= given_up[0][0] - began <= 960
    assert handled[-1][1] == b"5"
    assert await commands.empty(BOT)

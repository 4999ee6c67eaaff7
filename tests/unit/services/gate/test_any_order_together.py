"""The same as in `test_any_order`, on three instances that work and listen at the same time, in any interleaving.

Every step of a worker or a handler waits for its turn, and the turns are drawn. An instance may die at any step, or
stand still until its lease is over and another has taken its work; a mute that was given up may be carried out later;
messages, presses and member changes wait in queues of their own, come late, and come to two instances at once.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from datetime import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from bot.domain.errors import ClaimLostError, StoreUnavailableError, TelegramUnavailableError
from bot.domain.event import Cause
from bot.domain.ids import ChannelId, UpdateId, UserId
from bot.domain.intent import Intent, Want
from bot.domain.member_change import MemberChange
from bot.domain.membership import Allow, judge
from bot.domain.permissions import MemberState, Prior, Role
from bot.domain.policy import Policy
from bot.domain.restriction import Done, Wanted
from tests.kits.world import BOT, GROUP, World
from tests.unit.services.gate.test_any_order import (
    CHANNELS,
    USERS,
    AnyOrder,
    CrashError,
    catalogs,
    interruptions,
    users,
)

_INSTANCES = 3
# A call that is under way takes 2 s at most, and was started only because the lease outlasts it.
_CALLS = {"mute", "put_back", "send", "delete_messages", "edit"}
_STILL_SECONDS = 4
# So many turns of the loop bring every task to its next step.
_CALM = 8
_MODERATION = {"restrict", "unrestrict", "ban"}

Interruptions = list[tuple[int, str, UserId]]

instance_of: ContextVar[int | None] = ContextVar("instance_of", default=None)


@dataclass(slots=True, eq=False)
class Waiting:
    """An update in one of Telegram's queues, and what an instance makes of it."""

    update: UpdateId
    handle: Callable[[World], Awaitable[Sequence[Intent]]]


@dataclass(slots=True, eq=False)
class Turn:
    """A step that waits for its turn."""

    instance: int
    step: str
    go: asyncio.Future[None]
    stands_still: bool = False


@dataclass(frozen=True, slots=True)
class Late:
    """A mute that was given up, and that Telegram carries out all the same."""

    user: UserId
    until: datetime


class Together(AnyOrder):
    """Three instances over one store, and Telegram delivering to whichever comes next."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.order: Iterator[int] = itertools.cycle((0,))
        self.rotation = itertools.cycle(range(_INSTANCES))
        self.waiting: dict[str, list[Waiting]] = {}
        self.busy: set[str] = set()
        self.reading: set[int] = set()
        # Who has been told of an absence since it committed that it is going to mute.
        self.absent: set[int] = set()
        self.dead: set[int] = set()
        self.late: list[Late] = []
        self.mute_is_late = False
        super().__init__()
        self.worlds = [self.world, *(World(catalogs(), beside=self.world, own_prompts=1) for _ in range(1, _INSTANCES))]
        self.runner.get_loop().set_exception_handler(_unless_it_died)
        self.run(self._hear())

    # What is drawn beside what people do

    @rule(order=st.lists(st.integers(0, 7), min_size=1, max_size=30))
    def take_turns(self, order: list[int]) -> None:
        """Draw the interleaving of what follows."""
        self.order = itertools.cycle(order)

    @rule()
    def hear(self) -> None:
        self.run(self._hear())

    @rule()
    def land(self) -> None:
        self._land()

    @rule(user=users, first=interruptions, then=interruptions, lands=st.booleans())
    def be_gated_and_freed(self, user: UserId, first: Interruptions, then: Interruptions, *, lands: bool) -> None:
        """Have somebody speak, join and press, each of it told while the workers are at the one before."""
        self.run(self._speak(user))
        self._work(first)
        self.run(self._join_all(user))
        self.run(self._press(user))
        self._work(then)
        if lands:
            self._land()

    @rule(user=users, first=interruptions, then=interruptions)
    def be_taken_over(self, user: UserId, first: Interruptions, then: Interruptions) -> None:
        """Have somebody leave and speak; an instance stands still at some step, and its work goes on elsewhere."""
        self.run(self._leave_all(user))
        self.run(self._speak(user))
        self._work([(0, "", user), *first, (2, "still", user)])
        self._work(then)

    # Telegram's queues: of a group's messages, of somebody's presses, of what happens to somebody

    async def _speak(self, user: UserId) -> None:
        state = self.world.telegram.state(GROUP, user)
        if state.is_member and state.may_send:
            speaker = self.world.speaker(user)

            async def heard(world: World) -> Sequence[Intent]:
                return (await world.doorkeeper.look(speaker))[1]

            self._enqueue("messages", heard)

    async def _leave_all(self, user: UserId) -> None:
        for channel in CHANNELS:
            if user in self.world.telegram.in_channel[channel]:
                await self._toggle_channel(user, channel)

    async def _press(self, user: UserId) -> None:
        async def pressed(world: World) -> Sequence[Intent]:
            if not isinstance(judge(await world.verification.examine(BOT, user, CHANNELS)), Allow):
                return ()
            case = await world.ledger.open_case(BOT, GROUP, user)
            return () if case is None else (Want((case,), Wanted.FREE, Cause.PRESS),)

        self._enqueue(f"presses {user}", pressed)

    def _enqueue(self, queue: str, handle: Callable[[World], Awaitable[Sequence[Intent]]]) -> None:
        self.waiting.setdefault(queue, []).append(Waiting(UpdateId(self.world.number()), handle))

    def _told(self) -> dict[str, list[Waiting]]:
        """Return all queues, those of member changes among them."""
        changes = {f"member {user}": [_of_change(change) for change in queue] for user, queue in self.queues.items()}
        return {queue: waiting for queue, waiting in (self.waiting | changes).items() if waiting}

    def _taken(self, queue: str, update: UpdateId) -> None:
        """Take an acknowledged update from its queue, once."""
        for user, changes in self.queues.items():
            if queue == f"member {user}" and changes and changes[0].stamp.update_id == update:
                changes.pop(0)
        waiting = self.waiting.get(queue, [])
        if waiting and waiting[0].update == update:
            waiting.pop(0)

    async def _deliver(self, user: UserId, *, again: bool, fails: bool) -> None:
        """Deliver the next update about somebody, and a message; it may be handled in vain, and it may come again."""
        self._next_instance()
        for queue in (f"member {user}", f"presses {user}", "messages"):
            if queue in self._told() and queue not in self.busy:
                await self._attend(self.world, queue, fails=fails, again=again)

    async def _deliver_all(self, user: UserId) -> None:
        queue = f"member {user}"
        while queue not in self.busy and queue in self._told():
            self._next_instance()
            if not await self._attend(self.world, queue):
                return

    async def _attend(self, world: World, queue: str, *, fails: bool = False, again: bool = False) -> bool:
        """Have an instance handle the head of a queue, as the receiver does."""
        head = self._told()[queue][0]
        try:
            claim = await world.inbox.claim(BOT, head.update)
            if claim is False:
                return False
            if not isinstance(claim, bool):
                intents = await head.handle(world)
                if fails:
                    await world.inbox.release(claim, blameless=True)
                    return False
                await world.inbox.settle(claim, intents)
        except (StoreUnavailableError, TelegramUnavailableError, ClaimLostError):
            return False
        if not again:
            self._taken(queue, head.update)
        return True

    def _next_instance(self) -> None:
        self.world = self.worlds[next(self.rotation)]

    # Steps and their turns

    async def _between_steps(self, step: str) -> None:
        instance = instance_of.get()
        # Reading the configuration is no turn: an instance reads it under a lock, and who acts for it meanwhile
        # would wait for one whose turn never comes.
        if self.acting or instance is None or step == "changed_since":
            await asyncio.sleep(0)
            return
        self._note(step, instance)
        turn = Turn(instance, step, asyncio.get_running_loop().create_future())
        self.turns.append(turn)
        lands = self._undo_mute() if step == "after mute" and self.mute_is_late else None
        await turn.go
        if lands is not None:
            self.late.append(lands)
            raise TelegramUnavailableError(method=step, description="no answer within 2 s")
        await self._struck(turn)

    def _note(self, step: str, instance: int) -> None:
        if step == "member_state":
            self.reading.add(instance)
        elif step in {"lease", "after put_back", "muting"}:
            self.reading.discard(instance)
        if step == "muting":
            self.absent.discard(instance)
        elif step == "after membership":
            _, channel, user = self.world.telegram.calls[-1]
            if user not in self.world.telegram.in_channel[ChannelId(int(str(channel)))]:
                self.absent.add(instance)
        elif step == "mute":
            assert instance in self.absent, "a mute without a second absence"
        elif step == "after mute":
            self._echo()
        elif step == "after put_back":
            self._tell_of_a_lift()

    async def _struck(self, turn: Turn) -> None:
        self.steps += 1
        what, user = self.interruptions.pop(self.steps - 1, ("", USERS[0]))
        if what == "late":
            self.mute_is_late = True
        elif what == "still" and turn.step not in _CALLS:
            # It stands still for longer than its lease; all that it held may be taken over. A prompt may be, too.
            self.crashes += 1
            turn.go, turn.stands_still = asyncio.get_running_loop().create_future(), True
            self.turns.append(turn)
            await turn.go
        elif what == "crash":
            self.crashes += 1
            self.dead.add(turn.instance)
            raise CrashError
        elif what and not (what in _MODERATION and (self.reading or self._is_late(user) or self.busy)):
            self._next_instance()
            self.acting = True
            try:
                await self._interrupt(what, user, turn.step)
            finally:
                self.acting = False

    async def _choose(self, policy: Policy) -> None:
        """Keep the group's policy: what policies do is played on one instance."""

    # Calls that were given up

    def _last_mute(self) -> tuple[UserId, datetime]:
        call = self.world.telegram.called("mute")[-1]
        assert isinstance(call[1], int)
        assert isinstance(call[2], datetime)
        return UserId(call[1]), call[2]

    def _echo(self) -> None:
        """Have Telegram tell of our own mute."""
        user, _ = self._last_mute()
        state = self.world.telegram.state(GROUP, user)
        self.queues[user].append(self.world.change(GROUP, user, state, actor=UserId(BOT)))

    def _undo_mute(self) -> Late:
        """Give the mute up that was just carried out: it has not been yet."""
        user, until = self._last_mute()
        self.queues[user].pop()
        self.mute_is_late = False
        prior, is_member = self._lasting(self.theirs[user]), self.world.telegram.state(GROUP, user).is_member
        self.world.telegram.states[GROUP, user] = _state(prior, is_member=is_member)
        return Late(user, until)

    def _is_late(self, user: UserId) -> bool:
        return any(late.user == user for late in self.late)

    async def _moderate(self, user: UserId, prior: Prior | None) -> None:
        # What a moderator does before a call that is late, nobody sees: it puts something else in its place.
        if not self._is_late(user):
            self._next_instance()
            await super()._moderate(user, prior)

    async def _ban(self, user: UserId) -> None:
        if not self._is_late(user):
            self._next_instance()
            await super()._ban(user)

    def _land(self) -> None:
        late, self.late = self.late, []
        for each in late:
            state = self.world.telegram.state(GROUP, each.user)
            if state.role is not Role.BANNED and each.until > self.world.clock.now():
                muted = MemberState(Role.RESTRICTED, frozenset(), each.until, is_member=state.is_member)
                self.queues[each.user].append(self.world.change(GROUP, each.user, muted, actor=UserId(BOT)))

    # Instances

    async def _hear(self) -> None:
        """Have all instances hear of the configuration, as they do within half a second."""
        for world in self.worlds:
            await world.directory.refresh()

    async def _pass(self) -> None:
        """Let all workers pass over what is due while every queue is being delivered."""
        tasks: dict[asyncio.Task[None], int] = {}

        def start(instance: int, work: Coroutine[object, object, None]) -> None:
            context = copy_context()
            context.run(instance_of.set, instance)
            tasks[asyncio.get_running_loop().create_task(work, context=context)] = instance

        for number, queue in enumerate(self._told()):
            for copy in range(1 + next(self.order) % 2):
                start((number + copy) % _INSTANCES, self._listen((number + copy) % _INSTANCES, queue))
        for instance in range(_INSTANCES):
            start(instance, self._work_through(instance))
        try:
            while not all(task.done() for task in tasks) or self.turns:
                await self._quiet()
                await self._bury(tasks)
                if self.turns:
                    turn = self._next_turn()
                    self.turns.remove(turn)
                    turn.go.set_result(None)
        finally:
            self.busy.clear()
            self.reading.clear()
        for task in tasks:
            with suppress(CrashError, asyncio.CancelledError):
                await task
        await self._share()

    async def _quiet(self) -> None:
        """Wait until everybody waits for a turn, or has ended."""
        for calm in itertools.count():
            await asyncio.sleep(0)
            if calm >= _CALM and not self.acting:
                return

    def _next_turn(self) -> Turn:
        moving = [turn for turn in self.turns if not turn.stands_still]
        if len(moving) < len(self.turns) and not any(turn.step in _CALLS for turn in moving):
            self.world.clock.advance(_STILL_SECONDS)
            for turn in self.turns:
                if turn.stands_still:
                    turn.stands_still = False
                    # Whoever takes over goes first.
                    self.turns.append(self.turns.pop(self.turns.index(turn)))
        candidates = moving or self.turns
        return candidates[next(self.order) % len(candidates)]

    async def _bury(self, tasks: dict[asyncio.Task[None], int]) -> None:
        """End everything that a dead instance was at, and start another in its place."""
        while self.dead:
            instance = self.dead.pop()
            old = self.worlds[instance]
            ending = [task for task, owner in tasks.items() if owner == instance and not task.done()]
            for task in (*ending, *old.spawner.tasks):
                task.cancel()
            self.turns = [turn for turn in self.turns if turn.instance != instance]
            await asyncio.gather(*ending, *old.spawner.tasks, return_exceptions=True)
            old.store.alive.discard(old.inbox.instance)
            self.reading.discard(instance)
            self.worlds[instance] = World(catalogs(), beside=old, own_prompts=1)
            await self.worlds[instance].directory.refresh()

    async def _listen(self, instance: int, queue: str) -> None:
        self.busy.add(queue)
        while queue in self._told() and await self._attend(self.worlds[instance], queue):
            pass

    async def _work_through(self, instance: int) -> None:
        world = self.worlds[instance]
        with suppress(StoreUnavailableError):
            for _, case_id in await world.ledger.due(100):
                with suppress(StoreUnavailableError):
                    await world.shift().run(case_id)

    async def _settle(self) -> None:
        self._land()
        await self._hear()
        await super()._settle()
        while self._told():
            # Who had claimed it and died, or lost it, has it no longer after half a minute.
            self.world.clock.advance(31)
            self._expire()
            await super()._settle()

    async def _share(self) -> None:
        """Bring the shared prompt up to date, undisturbed: what may come between is played on one instance."""
        self.acting = True
        try:
            await super()._share()
        finally:
            self.acting = False

    # What must hold

    def _check(self) -> None:
        super()._check()
        marks = {mark.state for mark in self.world.store.marks.values()}
        assert marks <= {"done"}, "an update is not done"
        for row in self.world.store.open_rows():
            assert row.case.done is not Done.MUTED or row.case.delete_ids == (), "a stranger's message stays"
        self.run(self._tidy())
        for user in USERS:
            prompts = [text for text in self._prompts() if f"user?id={user}" in text]
            assert len(prompts) <= 1, "a prompt is not tidied when it is pressed"

    async def _tidy(self) -> None:
        """Have somebody press every prompt that stands."""
        telegram = self.world.telegram
        for message in telegram.sent.keys() - telegram.deleted:
            if not await self.world.ledger.prompt_stands(BOT, GROUP, message):
                telegram.deleted.add(message)


def _of_change(change: MemberChange) -> Waiting:
    async def told(world: World) -> Sequence[Intent]:
        handle = world.events.in_group if change.chat_id == GROUP else world.events.in_channel
        return await handle(change)

    return Waiting(change.stamp.update_id, told)


def _state(prior: Prior | None, *, is_member: bool) -> MemberState:
    if prior is None:
        return MemberState(Role.MEMBER if is_member else Role.LEFT, is_member=is_member)
    return MemberState(Role.RESTRICTED, prior.permissions, prior.until, is_member=is_member)


def _unless_it_died(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Report what nobody looked at, except for the end of an instance."""
    if not isinstance(context.get("exception"), CrashError):
        loop.default_exception_handler(context)


def test_any_order_on_three_instances() -> None:
    """Nobody is muted wrongly or for ever, nobody else's restriction is lost, one prompt each, every update done."""
    run_state_machine_as_test(Together, settings=settings(max_examples=120, stateful_step_count=25, deadline=None))

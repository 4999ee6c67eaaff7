"""Everything that happens to members, in any order and between any two steps, with crashes: who ends up how."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from bot.core.texts import Catalogs, load_catalogs
from bot.domain.errors import StoreUnavailableError, TelegramUnavailableError
from bot.domain.event import Cause
from bot.domain.group import GroupSetup, ProtectedGroup
from bot.domain.ids import CaseId, ChannelId, UserId
from bot.domain.intent import Want
from bot.domain.member_change import MemberChange
from bot.domain.membership import Allow, Require, judge
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role
from bot.domain.policy import Enforcement, OnLeave, Policy, Prompts
from bot.domain.restriction import Done, Wanted
from bot.services.gate.preparations import Preparations
from tests.fakes.store import FakeLedger, Row, SharedPrompt
from tests.kits.world import ADMIN, BOT, GROUP, INSIDERS, LOUNGE, NEWS, World

T = TypeVar("T")

USERS = (UserId(3), UserId(4))
CHANNELS = (NEWS, INSIDERS)
_NO_LINKS = ALL_PERMISSIONS - {"can_add_web_page_previews"}
# After this, what is left of a restriction is not worth putting back.
_NEARLY_OVER = timedelta(seconds=35)

# In seconds. Every mute has run out by then.
_A_YEAR = 365 * 24 * 3600

_POLICIES = (
    Policy(),
    Policy(require=Require.ANY),
    Policy(enforcement=Enforcement.OBSERVE),
    Policy(enforcement=Enforcement.DELETE),
    Policy(enforcement=Enforcement.KICK),
    Policy(prompts=Prompts.MEMBER),
    Policy(on_leave=OnLeave.NOTHING, grandfather=True, grace_minutes=60),
)

_CALLS = ("mute", "ban", "put_back", "delete_messages", "send", "edit", "send_ephemeral", "delete_ephemeral")
_TELEGRAM = {"member_state", *_CALLS, *(f"after {call}" for call in _CALLS)}
_FAULTS = ("crash", "late", "still", "silence", "no answer")
_ACTS = ("observe", "join", "toggle", "press", "speak", "unprotect", "restrict", "unrestrict", "ban")

users = st.sampled_from(USERS)
channels = st.sampled_from(CHANNELS)
permissions = st.sampled_from((frozenset[str](), _NO_LINKS))
interruptions = st.lists(st.tuples(st.integers(1, 9), st.sampled_from((*_FAULTS, *_ACTS)), users), max_size=4)


class CrashError(BaseException):
    """The process dies here: no handler of ours may run."""


class StillLoop(asyncio.SelectorEventLoop):
    """A loop whose time stands still, so that nothing depends on how busy the machine is."""

    def time(self) -> float:
        return 0.0


@cache
def catalogs() -> Catalogs:
    return load_catalogs()


class AnyOrder(RuleBasedStateMachine):
    """Plays members, moderators, Telegram's queues and the worker."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=StillLoop)
        # So that the second of two shares the prompt.
        self.world = World(catalogs(), own_prompts=1)
        self.run(self.world.open())
        # What would be in force, had the bot never touched anybody.
        self.theirs: dict[UserId, Prior | None] = dict.fromkeys(USERS)
        self.queues: dict[UserId, list[MemberChange]] = {user: [] for user in USERS}
        self.crashes = 0
        self.interruptions: dict[int, tuple[str, UserId]] = {}
        self.steps = 0
        self.acting = False
        self.reading_before_a_lift = False
        self.in_the_gap: UserId | None = None

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    @initialize(inside=st.sets(st.tuples(users, channels)))
    def begin(self, inside: set[tuple[UserId, ChannelId]]) -> None:
        for user, channel in inside:
            self.world.telegram.in_channel[channel].add(user)
        self.world.telegram.hook = self.world.store.hook = self._between_steps

    # What people do

    @rule(user=users)
    def speak(self, user: UserId) -> None:
        self.run(self._speak(user))

    @rule(user=users, channel=channels)
    def join_or_leave_channel(self, user: UserId, channel: ChannelId) -> None:
        self.run(self._toggle_channel(user, channel))

    @rule(user=users)
    def join_all_channels(self, user: UserId) -> None:
        self.run(self._join_all(user))

    @rule(user=users)
    def press(self, user: UserId) -> None:
        self.run(self._press(user))

    @rule(user=users)
    def leave_or_enter_group(self, user: UserId) -> None:
        self.run(self._toggle_group(user))

    @rule(user=users, allowed=permissions, hours=st.sampled_from((None, 1, 50)))
    def restrict(self, user: UserId, allowed: frozenset[str], hours: int | None) -> None:
        until = None if hours is None else self.world.clock.now() + timedelta(hours=hours)
        self.run(self._moderate(user, Prior(allowed, until)))

    @rule(user=users)
    def unrestrict(self, user: UserId) -> None:
        self.run(self._moderate(user, None))

    @rule(user=users)
    def ban(self, user: UserId) -> None:
        self.run(self._ban(user))

    @rule()
    def unprotect(self) -> None:
        self.run(self._unprotect())

    @rule()
    def protect(self) -> None:
        self.run(self._protect())

    @rule(policy=st.sampled_from(_POLICIES))
    def choose(self, policy: Policy) -> None:
        self.run(self._choose(policy))

    @rule(seconds=st.sampled_from((1, 5, 70, 700, 4000)))
    def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)
        self._expire()

    # What Telegram and the instances do

    @rule(user=users, again=st.booleans(), fails=st.booleans())
    @precondition(lambda self: any(self.queues.values()))
    def deliver(self, user: UserId, again: bool, fails: bool) -> None:  # noqa: FBT001 - hypothesis passes them
        self.run(self._deliver(user, again=again, fails=fails))

    @rule(interruptions=interruptions)
    def work(self, interruptions: list[tuple[int, str, UserId]]) -> None:
        self._work(interruptions)

    @rule(user=users, interruptions=interruptions)
    def speak_and_work(self, user: UserId, interruptions: list[tuple[int, str, UserId]]) -> None:
        self.run(self._speak(user))
        self._work(interruptions)

    @rule(user=users, interruptions=interruptions)
    def join_and_work(self, user: UserId, interruptions: list[tuple[int, str, UserId]]) -> None:
        self.run(self._join_all(user))
        self.run(self._deliver_all(user))
        self._work(interruptions)

    @rule(user=users, channel=channels, interruptions=interruptions)
    def toggle_and_work(self, user: UserId, channel: ChannelId, interruptions: list[tuple[int, str, UserId]]) -> None:
        self.run(self._toggle_channel(user, channel))
        self.run(self._deliver_all(user))
        self._work(interruptions)

    @rule(user=users)
    def be_freed_and_restricted(self, user: UserId) -> None:
        """Have a moderator restrict somebody between the look at them and their lift, which replaces that."""
        self.run(self._speak(user))
        self._work([])
        self.run(self._join_all(user))
        self.run(self._deliver_all(user))
        self.in_the_gap = user
        self._work([])
        self.in_the_gap = None

    @rule(user=users, interruptions=interruptions)
    @precondition(lambda self: not any(self.theirs.values()))
    def come_back_after_a_year(self, user: UserId, interruptions: list[tuple[int, str, UserId]]) -> None:
        """Have somebody muted, and no word of theirs until every mute has run out."""
        self.run(self._speak(user))
        self._work([])
        self.world.clock.advance(_A_YEAR)
        self._expire()
        self.run(self._speak(user))
        self._work(interruptions)

    def _work(self, interruptions: list[tuple[int, str, UserId]]) -> None:
        """Pass over what is due as a worker does, interrupted after so many steps each."""
        at = 0
        for gap, what, user in interruptions:
            at += gap
            self.interruptions[at] = (what, user)
        self.steps = 0
        try:
            self.run(self._pass())
        finally:
            self.interruptions = {}
            self.world.telegram.silent = set()

    @rule()
    def settle(self) -> None:
        self.run(self._settle())
        self._check()

    def teardown(self) -> None:
        """Let everything come to an end, and let whoever may write say a word."""
        try:
            self._end()
        finally:
            self.runner.close()

    def _end(self) -> None:
        self.run(self._settle())
        self._check()
        self.run(self._protect())
        self.run(self._choose(Policy()))
        self.run(self._settle())
        self._check()
        self.world.clock.advance(5)
        for user in USERS:
            self.run(self._speak(user))
        self.run(self._settle())
        self._check()
        for user in USERS:
            state = self.world.telegram.state(GROUP, user)
            expected = self._inside(user) or user in self._group().exempt
            assert expected or not state.is_member or not state.may_send, "a stranger may write"

    # How it is done

    async def _between_steps(self, step: str) -> None:
        await asyncio.sleep(0)
        if step == "after put_back":
            self._tell_of_a_lift()
        if step == "after mute":
            self._read_the_end()
        # The configuration is read under a lock: whoever came in between would wait for themselves.
        if self.acting or step == "changed_since":
            return
        if step == "put_back":
            await self._restrict_in_the_gap()
        if step in {"lease", "after put_back", "after ban"}:
            self.reading_before_a_lift = False
        elif step == "member_state":
            self.reading_before_a_lift = True
        elif step == "muting":
            self.reading_before_a_lift = False
        self.steps += 1
        what, user = self.interruptions.pop(self.steps - 1, ("", USERS[0]))
        if not what:
            return
        self.acting = True
        try:
            await self._interrupt(what, user, step)
        finally:
            self.acting = False

    async def _interrupt(self, what: str, user: UserId, step: str) -> None:
        match what:
            case "crash":
                self.crashes += 1
                raise CrashError
            case "late" | "still":
                # For instances that work together.
                return
            case "silence":
                self.world.telegram.silent = set(CHANNELS)
            case "no answer" if step in _TELEGRAM:
                # The call may have been done or not: this is met before and after it. A prompt whose number is not
                # known is as one of a crash: it stands until somebody presses it.
                self.crashes += step in {"after send", "after send_ephemeral"}
                raise TelegramUnavailableError(method=step, description="away")
            case "no answer" if "membership" not in step:
                # Nor is the number known of a prompt that could not be written down.
                self.crashes += step in {"prompted", "stands"}
                raise StoreUnavailableError("away")
            case "no answer":
                return
            case "restrict" | "unrestrict" | "ban" if self.reading_before_a_lift:
                # Nobody can see what else a moderator does between the look at a member and the call that follows.
                return
            case _:
                acts: dict[str, Callable[[], Awaitable[None]]] = {
                    "join": lambda: self._join_all(user),
                    "toggle": lambda: self._toggle_channel(user, NEWS),
                    "press": lambda: self._press(user),
                    "speak": lambda: self._speak(user),
                    "observe": lambda: self._choose(Policy(enforcement=Enforcement.OBSERVE)),
                    "unprotect": self._unprotect,
                    "restrict": lambda: self._moderate(user, Prior(_NO_LINKS, None)),
                    "unrestrict": lambda: self._moderate(user, None),
                    "ban": lambda: self._ban(user),
                }
                await acts[what]()
                await self._deliver_all(user)

    async def _restrict_in_the_gap(self) -> None:
        """Do what the update about the lift will name, where the lift gives more than the moderator leaves."""
        user, self.in_the_gap = self.in_the_gap, None
        if user is not None and self._lasting(self.theirs[user]) is None:
            self.acting = True
            await self._moderate(user, Prior(_NO_LINKS, None))
            self.acting = False

    def _read_the_end(self) -> None:
        """Have Telegram read an end that is over, or nearly, as "for ever"."""
        match self.world.telegram.called("mute")[-1]:
            case (_, int(user), datetime() as until) if until - self.world.clock.now() < timedelta(seconds=30):
                who = GROUP, UserId(user)
                self.world.telegram.states[who] = replace(self.world.telegram.states[who], until=None)

    def _tell_of_a_lift(self) -> None:
        """Have Telegram tell of our own call, and of what it has replaced."""
        user, old, new = self.world.telegram.lifts[-1]
        if old != new:
            change = self.world.change(GROUP, user, new, actor=UserId(BOT))
            self.queues[user].append(replace(change, old=old))

    def _group(self) -> ProtectedGroup:
        group = self.world.directory.group(BOT, GROUP)
        assert group is not None
        return group

    def _inside(self, user: UserId) -> bool:
        inside = [user in self.world.telegram.in_channel[channel] for channel in CHANNELS]
        return any(inside) if self._group().policy.require is Require.ANY else all(inside)

    async def _speak(self, user: UserId) -> None:
        state = self.world.telegram.state(GROUP, user)
        if state.is_member and state.may_send:
            await self.world.speak(user)

    async def _toggle_channel(self, user: UserId, channel: ChannelId) -> None:
        inside = user in self.world.telegram.in_channel[channel]
        new = MemberState(Role.LEFT, is_member=False) if inside else MemberState(Role.MEMBER)
        self.queues[user].append(self.world.change(channel, user, new))

    async def _join_all(self, user: UserId) -> None:
        for channel in CHANNELS:
            if user not in self.world.telegram.in_channel[channel]:
                await self._toggle_channel(user, channel)

    async def _press(self, user: UserId) -> None:
        world = self.world
        standing = await world.verification.examine(BOT, user, CHANNELS)
        if isinstance(judge(standing, self._group().policy.require), Allow):
            case = await world.ledger.open_case(BOT, GROUP, user)
            if case is not None:
                await world.commit(Want((case,), Wanted.FREE, Cause.JOINED_CHANNEL))

    async def _toggle_group(self, user: UserId) -> None:
        state = self.world.telegram.state(GROUP, user)
        if state.role is Role.BANNED:
            return
        if state.role is Role.RESTRICTED:
            new = replace(state, is_member=not state.is_member)
        else:
            new = MemberState(Role.LEFT, is_member=False) if state.is_member else MemberState(Role.MEMBER)
        self.queues[user].append(self.world.change(GROUP, user, new))

    async def _moderate(self, user: UserId, prior: Prior | None) -> None:
        """Have a moderator restrict or release somebody. Told at once; the delay is other events'."""
        state = self.world.telegram.state(GROUP, user)
        if not state.is_member or (prior is None and state.role is not Role.RESTRICTED):
            return
        new = (
            MemberState(Role.MEMBER) if prior is None else MemberState(Role.RESTRICTED, prior.permissions, prior.until)
        )
        self.theirs[user] = prior
        await self._tell_all(user, self.world.change(GROUP, user, new, actor=ADMIN))

    async def _ban(self, user: UserId) -> None:
        self.theirs[user] = None
        new = MemberState(Role.BANNED, is_member=False)
        if self.world.telegram.state(GROUP, user).role is not Role.BANNED:
            await self._tell_all(user, self.world.change(GROUP, user, new, actor=ADMIN))

    async def _tell_all(self, user: UserId, change: MemberChange) -> None:
        self.queues[user].append(change)
        await self._deliver_all(user)

    async def _deliver_all(self, user: UserId) -> None:
        while self.queues[user]:
            await self._deliver(user, again=False, fails=False)

    async def _choose(self, policy: Policy) -> None:
        await self.world.policies.choose(self._group(), policy, ADMIN)

    async def _unprotect(self) -> None:
        await self.world.setup.unprotect(BOT, GROUP, ADMIN)

    async def _protect(self) -> None:
        await self.world.groups.protect(
            GroupSetup(BOT, GROUP, "Lounge", None, LOUNGE.basic_group, "en", LOUNGE.channels, ADMIN)
        )
        await self.world.directory.refresh()

    async def _deliver(self, user: UserId, *, again: bool, fails: bool) -> None:
        """Deliver somebody's next update; before its end it may fail, after it it may come again."""
        if not self.queues[user]:
            return
        change = self.queues[user][0]
        handle = self.world.events.in_group if change.chat_id == GROUP else self.world.events.in_channel
        intents = await handle(change)
        if fails:
            return
        claim = await self.world.inbox.claim(BOT, change.stamp.update_id)
        if not isinstance(claim, bool):
            await self.world.inbox.settle(claim, intents)
        if not again:
            self.queues[user].pop(0)

    async def _pass(self) -> None:
        for case_id in await self._due():
            try:
                await self.world.shift().run(case_id)
            except StoreUnavailableError:
                continue
            except CrashError:
                self.world.ledger = FakeLedger(self.world.store)
                self.world.preparations = Preparations(monotonic=self.world.clock.monotonic)
                return
        await self._share()

    async def _share(self) -> None:
        """Bring the shared prompt up to date."""
        try:
            await self.world.crowds.turn()
        except* (CrashError, StoreUnavailableError):
            pass

    async def _due(self) -> list[CaseId]:
        try:
            return [case_id for _, case_id in await self.world.ledger.due(100)]
        except (StoreUnavailableError, CrashError):
            return []

    async def _settle(self) -> None:
        """Deliver everything and work until nothing is due any more, with nothing in the way."""
        for _ in range(60):
            for user in USERS:
                await self._deliver_all(user)
            await self._pass()
            tomorrow = self.world.clock.now() + timedelta(days=1)
            rows: list[Row | SharedPrompt] = [*self.world.store.open_rows(), *self.world.store.shared.values()]
            waiting = [row for row in rows if row.lease_owner or (row.due_at is not None and row.due_at < tomorrow)]
            if not waiting:
                break
            dates = [row.due_at for row in waiting if row.due_at is not None]
            self.world.clock.advance(
                max([10, *((date - self.world.clock.now()).total_seconds() for date in dates[:1])])
            )
            self._expire()
        else:
            raise AssertionError("the work does not come to an end")
        for unban in self.world.store.unbans:
            key = (GROUP, unban.user_id)
            if self.world.telegram.state(*key).until == unban.until:
                self.world.telegram.states[key] = MemberState(Role.LEFT, is_member=False)
        for deletion in self.world.store.deletions:
            self.world.telegram.deleted.add(deletion.message_id)
        for ephemeral in self.world.store.ephemeral_deletions:
            self.world.telegram.forgotten.add(ephemeral.message_id)

    def _expire(self) -> None:
        """Let Telegram end the restrictions whose time is over."""
        for (chat, user), state in tuple(self.world.telegram.states.items()):
            if state.role is Role.RESTRICTED and state.until is not None and state.until <= self.world.clock.now():
                role = Role.MEMBER if state.is_member else Role.LEFT
                self.world.telegram.states[chat, user] = MemberState(role, is_member=state.is_member)

    # What must hold whenever everything has settled

    def _check(self) -> None:
        group = self._group()
        for user in USERS:
            state = self.world.telegram.state(GROUP, user)
            ours = [row.case for row in self.world.store.rows.values() if row.case.our_until == state.until]
            if state.restriction is not None and state.until is not None and ours:
                self._check_ours(user)
                assert group.gating, "nobody is muted where nothing is protected"
                assert group.enforcement in {Enforcement.MUTE, Enforcement.KICK}, "nobody is muted by this policy"
                assert user not in group.exempt, "somebody exempt is muted"
                assert not self._inside(user), "a member is muted"
            else:
                self._check_theirs(user, state)
            prompts = [text for text in self._prompts() if f"user?id={user}" in text]
            assert len(prompts) <= 1 + self.crashes, "a member has several prompts"
            if self._inside(user) and state.is_member:
                assert len(prompts) <= self.crashes, "a prompt outlives its case"

        self._check_shared()

    def _check_shared(self) -> None:
        """Who shares the group's prompt has none of their own, and it stands as long as anybody does."""
        sharing = [row.case for row in self.world.store.open_rows() if row.case.shares_prompt]
        shared = [text for text in self._prompts() if "user?id=" not in text]
        assert len(shared) <= 1 + self.crashes, "a group has several shared prompts"
        if sharing:
            assert any(f": {len(sharing)}." in text for text in shared), "nobody is told how many wait"
        else:
            assert len(shared) <= self.crashes, "the shared prompt outlives who shared it"
        for case in sharing:
            own = [text for text in self._prompts() if f"user?id={case.user_id}" in text]
            assert len(own) <= self.crashes, "a member has a prompt beside the shared one"

    def _check_ours(self, user: UserId) -> None:
        """Whom GMBot muted has an open case that knows what to give back."""
        rows = [row for row in self.world.store.open_rows() if row.case.user_id == user]
        assert [row.case.done for row in rows] == [Done.MUTED], "a mute without its case"
        assert self._lasting(rows[0].case.prior) == self._lasting(self.theirs[user]), "a prior restriction is lost"

    def _check_theirs(self, user: UserId, state: MemberState) -> None:
        """Find what GMBot did not impose as its moderators left it."""
        if state.role is not Role.BANNED:
            assert self._lasting(state.restriction) == self._lasting(self.theirs[user]), "not as they left it"

    def _lasting(self, prior: Prior | None) -> Prior | None:
        """Leave out what is over, or nearly."""
        over = prior is not None and prior.until is not None and prior.until - self.world.clock.now() <= _NEARLY_OVER
        return None if over else prior

    def _prompts(self) -> list[str]:
        telegram = self.world.telegram
        standing = [telegram.edited.get(number, message) for number, message in telegram.standing_by_number()]
        for_one = [message for number, (_, message) in telegram.whispered.items() if number not in telegram.forgotten]
        # What is too old to be deleted has lost its buttons instead.
        return [message.text for message in (*standing, *for_one) if message.buttons]


def test_any_order_on_one_instance() -> None:
    """Nobody is muted wrongly or for ever, nobody else's restriction is lost, and nobody has two prompts."""
    run_state_machine_as_test(AnyOrder, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))

"""All services over fakes: one bot, one group with two required channels, and the people in it."""

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import pytest

from bot.core.telegram.bans import Bans
from bot.core.texts import Catalogs, load_catalogs
from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, MessageId, UpdateId, UserId
from bot.domain.intent import Intent, Receipt
from bot.domain.member_change import MemberChange
from bot.domain.membership import Stamp
from bot.domain.permissions import MemberState, Role
from bot.domain.restriction import Wanted
from bot.services.gate.admission import Admission, Doorkeeper, Speaker
from bot.services.gate.crowds import SharedPrompts
from bot.services.gate.events import MemberEvents
from bot.services.gate.overwritten import Overwritten
from bot.services.gate.preparations import Preparations
from bot.services.gate.prompter import Prompter
from bot.services.gate.shift import Shift
from bot.services.gate.sparing import Judgement, Sparing
from bot.services.groups.channels import Channels
from bot.services.groups.directory import Directory
from bot.services.groups.links import InviteLinks
from bot.services.groups.policies import Policies
from bot.services.groups.rights import OwnRights
from bot.services.groups.setup import Setup
from bot.services.membership.activity import Activity
from bot.services.membership.verification import Verification
from bot.services.ports.runtime import Texts
from tests.fakes.channels import FakeChannels
from tests.fakes.ports import FakeCache, FakeClock, FakeJournal, FakeSpawner, FakeTelegram
from tests.fakes.store import FakeCrowds, FakeLedger, FakeStore, Row
from tests.fakes.tables import FakeGroups, FakeInbox, FakeRequests

BOT = BotId(42)
GROUP = GroupId(-1001)
NEWS, INSIDERS = ChannelId(-2001), ChannelId(-2002)
ADMIN, MEMBER, STRANGER = UserId(1), UserId(2), UserId(3)

OWNER_STATE = MemberState(Role.OWNER, rights=frozenset({"can_restrict_members", "can_delete_messages"}))
ADMIN_STATE = replace(OWNER_STATE, role=Role.ADMIN)

LOUNGE = ProtectedGroup(
    bot_id=BOT,
    group_id=GROUP,
    title="Lounge",
    username=None,
    channels=(
        Channel(NEWS, "News", "gm_news", None),
        Channel(INSIDERS, "Insiders", None, "https://t.me/+abc"),
    ),
    configured_by=ADMIN,
)


class World:
    """Everything between the ports, with the ports at hand: one instance, alone or beside another."""

    def __init__(
        self,
        texts: Texts,
        *,
        beside: "World | None" = None,
        own_prompts: int = 5,
        clock: FakeClock | None = None,
        telegram: FakeTelegram | None = None,
    ) -> None:
        clock = clock or (FakeClock() if beside is None else beside.clock)
        shared = None if beside is None else beside.cache.shared
        self.clock: FakeClock = clock
        self.telegram: FakeTelegram = telegram or (FakeTelegram() if beside is None else beside.telegram)
        self.cache: FakeCache = FakeCache(clock, shared)
        self.store: FakeStore = FakeStore(clock) if beside is None else beside.store
        self.groups, self.inbox = FakeGroups(self.store), FakeInbox(self.store)
        self.journal = FakeJournal()
        self.spawner = FakeSpawner()
        self.texts = texts
        self.woken: list[CaseId] = []
        self.preparations = Preparations(monotonic=self.clock.monotonic)
        self.pokes = 0
        self.numbers: Iterator[int] = itertools.count(100) if beside is None else beside.numbers
        self.ledger = FakeLedger(self.store)
        self.directory = Directory(store=self.groups)
        self.activity = Activity(store=self.groups, clock=self.clock)
        self.verification = Verification(
            cache=self.cache,
            telegram=self.telegram,
            first=self.telegram,
            spawner=self.spawner,
            journal=self.journal,
            clock=self.clock,
        )
        self.sparing = Sparing(
            store=self.groups,
            requests=FakeRequests(self.store),
            activity=self.activity,
            telegram=self.telegram,
            clock=self.clock,
        )
        self.judgement = Judgement(verification=self.verification, sparing=self.sparing)
        self.policies = Policies(
            directory=self.directory, groups=self.groups, clock=self.clock, wake=self.wake, poke=self.poke
        )
        self.doorkeeper = Doorkeeper(
            directory=self.directory,
            activity=self.activity,
            verification=self.verification,
            sparing=self.sparing,
            telegram=self.telegram,
            clock=self.clock,
        )
        self.bans = Bans()
        self.owners = FakeChannels()
        self.channels = Channels(
            directory=self.directory,
            store=self.owners,
            telegram=self.telegram,
            texts=texts,
            wake=self.wake,
            poke=self.poke,
        )
        self.prompter = Prompter(
            telegram=self.telegram,
            ephemeral=self.telegram,
            texts=texts,
            bans=self.bans,
            clock=self.clock,
            own_prompts=own_prompts,
        )
        self.crowds = SharedPrompts(
            store=FakeCrowds(self.store),
            directory=self.directory,
            telegram=self.telegram,
            texts=texts,
            clock=self.clock,
        )
        self.setup = Setup(
            directory=self.directory,
            groups=self.groups,
            ledger=self.ledger,
            telegram=self.telegram,
            channels=self.channels,
            links=self.links,
            wake=self.wake,
            poke=self.poke,
        )
        self.rights = OwnRights(
            directory=self.directory,
            groups=self.groups,
            ledger=self.ledger,
            telegram=self.telegram,
            texts=texts,
            wake=self.wake,
        )
        self.events = MemberEvents(
            directory=self.directory,
            activity=self.activity,
            cache=self.cache,
            ledger=self.ledger,
            doorkeeper=self.doorkeeper,
            overwritten=Overwritten(ledger=self.ledger, telegram=self.telegram, clock=self.clock),
        )

    @property
    def links(self) -> InviteLinks:
        """What makes invite links."""
        return InviteLinks(telegram=self.telegram, groups=self.groups, directory=self.directory, poke=self.poke)

    async def open(self, group: ProtectedGroup = LOUNGE) -> None:
        """Protect the lounge, with its admin and its member."""
        self.telegram.states[group.group_id, ADMIN] = OWNER_STATE
        self.telegram.states[group.group_id, UserId(BOT)] = ADMIN_STATE
        for channel in (NEWS, INSIDERS):
            self.telegram.in_channel[channel] = {MEMBER}
            self.telegram.states[channel, UserId(BOT)] = ADMIN_STATE
            self.telegram.states[channel, ADMIN] = OWNER_STATE
        await self.configure(group)

    async def configure(self, group: ProtectedGroup) -> None:
        """Change the group's configuration."""
        self.groups.put(group)
        await self.directory.refresh()

    def number(self) -> int:
        """Return a number that was not used before."""
        return next(self.numbers)

    def speaker(self, user: UserId, message: int | None = None, group: GroupId = GROUP) -> Speaker:
        """Return somebody who writes now."""
        return Speaker(
            bot_id=BOT,
            group_id=group,
            user_id=user,
            name=f"User {user}",
            message_id=MessageId(self.number() if message is None else message),
            sent_at=self.clock.now(),
        )

    async def speak(self, user: UserId, message: int | None = None) -> Admission:
        """Have somebody write, and commit what it obliges to."""
        admission, intents = await self.doorkeeper.look(self.speaker(user, message))
        await self.commit(*intents)
        return admission

    async def commit(self, *intents: Intent) -> tuple[CaseId, ...]:
        """Commit intents as those of one update."""
        claim = await self.inbox.claim(BOT, UpdateId(self.number()))
        assert isinstance(claim, Receipt)
        return await self.inbox.settle(claim, intents)

    def change(
        self, chat: int, user: UserId, new: MemberState, *, actor: UserId | None = None, date: int | None = None
    ) -> MemberChange:
        """Change somebody's state in Telegram and return the update that tells of it."""
        old = self._state(chat, user)
        channel = ChannelId(chat)
        if channel in self.telegram.in_channel:
            members = self.telegram.in_channel[channel]
            self.telegram.in_channel[channel] = members | {user} if new.is_member else members - {user}
        else:
            self.telegram.states[chat, user] = new
        stamp = Stamp(int(self.clock.elapsed) if date is None else date, UpdateId(self.number()))
        return MemberChange(
            bot_id=BOT,
            chat_id=chat,
            user_id=user,
            user_name=f"User {user}",
            is_bot=False,
            actor=actor or user,
            old=old,
            new=new,
            stamp=stamp,
        )

    def _state(self, chat: int, user: UserId) -> MemberState:
        members = self.telegram.in_channel.get(ChannelId(chat))
        if members is None:
            return self.telegram.state(chat, user)
        inside = user in members
        return MemberState(Role.MEMBER if inside else Role.LEFT, is_member=inside)

    async def join(self, user: UserId, *channels: ChannelId) -> None:
        """Have somebody join channels, and take over what the events oblige to."""
        for channel in channels:
            change = self.change(channel, user, MemberState(Role.MEMBER))
            await self.commit(*await self.events.in_channel(change))

    async def leave(self, user: UserId, *channels: ChannelId) -> None:
        """Have somebody leave channels, and take over what the events oblige to."""
        for channel in channels:
            change = self.change(channel, user, MemberState(Role.LEFT, is_member=False))
            await self.commit(*await self.events.in_channel(change))

    async def moderate(self, user: UserId, new: MemberState, *, actor: UserId = ADMIN) -> None:
        """Have an admin change somebody's state in the group."""
        change = self.change(GROUP, user, new, actor=actor)
        await self.commit(*await self.events.in_group(change))

    def shift(self) -> Shift:
        """Return a shift for a leased case."""
        return Shift(
            ledger=self.ledger,
            telegram=self.telegram,
            judgement=self.judgement,
            directory=self.directory,
            prompter=self.prompter,
            preparations=self.preparations,
            follow=self.setup.moved,
            clock=self.clock,
            journal=self.journal,
        )

    def review(self, row: Row) -> None:
        """Put a resting case under review, as the reconciliation does."""
        version = row.case.version + 1
        row.change(wanted=Wanted.CHECK, version=version, review_version=version, attempts=0)
        row.due_at = self.clock.now()

    async def work(self) -> None:
        """Work on what is due until nothing is."""
        for _ in range(20):
            due = await self.ledger.due(100)
            if not due:
                return
            for _, case_id in due:
                await self.shift().run(case_id)
        pytest.fail("the work does not come to an end")

    def muted(self, user: UserId) -> bool:
        """Whether somebody cannot write in the lounge."""
        return not self.telegram.state(GROUP, user).may_send

    def row(self, user: UserId = STRANGER) -> Row:
        """Return the last case of somebody."""
        return [row for row in self.store.rows.values() if row.case.user_id == user][-1]

    def wake(self, bot: BotId, cases: Sequence[CaseId]) -> None:
        """Note whom the worker is told of."""
        assert bot == BOT
        self.woken.extend(cases)

    async def poke(self) -> None:
        """Note that all instances are told of a change."""
        self.pokes += 1


@pytest.fixture(scope="session")
def texts() -> Catalogs:
    """Load the sentences once."""
    return load_catalogs()


@pytest.fixture
async def world(texts: Catalogs) -> AsyncIterator[World]:
    """Build the lounge over fakes; no question may be left open at the end."""
    world = World(texts)
    await world.open()
    yield world
    await world.spawner.finished()

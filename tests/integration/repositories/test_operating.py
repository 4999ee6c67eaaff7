"""What operators list and do, on the real database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.repositories.events import EventStore
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.operating import OperatingStore
from bot.domain.errors import InvalidInputError, NotAllowedError, NotFoundError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, UserId
from bot.domain.listing import GroupQuery, GroupState
from bot.domain.message import Outgoing
from bot.domain.operator import Actor, Operator, Rank, Source
from bot.domain.permissions import MemberState, Role
from bot.services.groups.directory import Directory
from bot.services.groups.policies import Policies
from bot.services.operating.groups import GroupDesk
from bot.services.operating.lists import EventQuery, Lookup
from tests.contract.desk import BOT, SETUP
from tests.fakes.ports import FakeClock

pytestmark = pytest.mark.servers

OLGA = UserId(77)
OPERATOR = Operator(Actor(OLGA, Source.CONSOLE), Rank.OPERATOR)
VIEWER = replace(OPERATOR, rank=Rank.VIEWER)
OTHERS = replace(OPERATOR, bots=frozenset({BotId(4711)}))


class Chats:
    """A Telegram in which the bot is an admin everywhere."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def member_state(self, *_: object) -> MemberState:
        """Tell nothing but rights."""
        return MemberState(Role.ADMIN, rights=frozenset({"can_restrict_members", "can_delete_messages"}))

    async def send(self, _: BotId, __: int, message: Outgoing) -> MessageId:
        """Keep what is said."""
        self.sent.append(message.text)
        return MessageId(len(self.sent))


class Rights:
    """Nothing is ever missing."""

    async def changed(self, *_: int) -> None:
        """Find nothing."""


@dataclass
class Office:
    """Use cases on a database with groups."""

    store: OperatingStore
    groups: PostgresGroups
    directory: Directory
    lookup: Lookup
    desk: GroupDesk
    chats: Chats

    async def audit(self) -> list[tuple[str, int, str]]:
        """Return who did what from where, the oldest first."""
        rows = (await self.store.audit(None, chat=None, cursor=None, limit=50)).rows
        return [(row.action, row.actor, row.source) for row in reversed(rows)]


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    """Host a bot that guards the groups Alpha to Delta."""
    async with open_database(database_url, pool_size=2, statements=load_statements()) as database:
        yield await _furnished(database)


async def _furnished(database: Database) -> Office:
    await database.execute("take_token", BOT, b"sealed", None, 0)
    groups, store, chats = PostgresGroups(database=database), OperatingStore(database=database), Chats()
    for number, title in enumerate(("Delta", "alpha", "Charlie <b>", "Bravo 100%")):
        await groups.protect(replace(SETUP, group_id=GroupId(-1000 - number), title=title))
    directory = Directory(store=groups)
    await directory.refresh()

    async def poke() -> None:
        pass

    policies = Policies(directory=directory, groups=groups, clock=FakeClock(), wake=lambda *_: None, poke=poke)
    lookup = Lookup(lists=store, history=EventStore(database=database), groups=directory)
    desk = GroupDesk(groups=directory, gates=policies, rights=Rights(), telegram=chats, notes=store, clock=FakeClock())
    return Office(store, groups, directory, lookup, desk, chats)


async def test_groups_come_by_name_a_page_at_a_time(office: Office) -> None:
    """Each page begins behind the one before; nothing is twice, nothing is left out."""
    titles: list[str] = []
    query = GroupQuery(limit=3)
    while True:
        page = await office.lookup.groups(VIEWER, query)
        titles += [row.title for row in page.rows]
        if page.cursor is None:
            break
        query = replace(query, cursor=page.cursor)

    assert titles == ["alpha", "Bravo 100%", "Charlie <b>", "Delta"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("ALPH", ["alpha"]), ("%", ["Bravo 100%"]), ("_", []), ("-1000", ["Delta"]), ("'; DROP TABLE bots; --", [])],
)
async def test_a_search_is_text_and_nothing_else(office: Office, search: str, found: list[str]) -> None:
    """A part of the title, or an id; what means something to SQL means itself."""
    page = await office.lookup.groups(VIEWER, GroupQuery(search=search))

    assert [row.title for row in page.rows] == found


async def test_a_search_looks_among_the_groups_of_a_state(office: Office) -> None:
    """And of a bot."""
    await office.desk.pause(OPERATOR, BOT, GroupId(-1001))

    async def found(state: GroupState) -> list[str]:
        page = await office.lookup.groups(VIEWER, GroupQuery(bot=BOT, search="alp", state=state))
        return [row.title for row in page.rows]

    assert await found(GroupState.PAUSED) == ["alpha"]
    assert await found(GroupState.PROTECTED) == []


async def test_trouble_is_what_nobody_decided(office: Office) -> None:
    """A group that lacks a right is found apart from one that an operator paused."""
    await office.groups.pause(BOT, GroupId(-1000), "rights_lost", was=None, free=False)
    await office.desk.pause(OPERATOR, BOT, GroupId(-1001))

    async def titles(state: GroupState) -> list[str]:
        page = await office.lookup.groups(VIEWER, GroupQuery(state=state))
        return [f"{row.title}: {row.state}" for row in page.rows]

    assert await titles(GroupState.TROUBLE) == ["Delta: trouble"]
    assert await titles(GroupState.PAUSED) == ["alpha: paused"]
    assert await titles(GroupState.PROTECTED) == ["Bravo 100%: protected", "Charlie <b>: protected"]
    assert await titles(GroupState.OPEN) == []
    assert (await office.lookup.totals(VIEWER)).trouble == 1


async def test_every_change_says_who_and_from_where(office: Office) -> None:
    """In the audit log, beside what admins do in chats."""
    group = GroupId(-1000)
    assert await office.desk.pause(OPERATOR, BOT, group)
    assert not await office.desk.pause(OPERATOR, BOT, group)
    assert await office.desk.resume(OPERATOR, BOT, group)
    assert await office.desk.recheck(OPERATOR, BOT, group)
    sent = await office.desk.send(OPERATOR, BOT, group, "a <b> & c\n\n" + "word " * 1000)

    assert sent.parts == 2
    assert office.chats.sent[0].startswith("a &lt;b&gt; &amp; c")
    assert (await office.audit())[4:] == [
        ("pause", OLGA, "console"),
        ("resume", OLGA, "console"),
        ("recheck", OLGA, "console"),
        ("send_message", OLGA, "console"),
    ]
    assert {source for _, _, source in (await office.audit())[:4]} == {"chat"}


async def test_a_viewer_changes_nothing(office: Office) -> None:
    """And hears which role it takes."""
    with pytest.raises(NotAllowedError, match="operator"):
        await office.desk.pause(VIEWER, BOT, GroupId(-1000))
    with pytest.raises(NotAllowedError):
        await office.desk.send(VIEWER, BOT, GroupId(-1000), "hello")

    assert office.directory.group(BOT, GroupId(-1000)) == _gating(office)
    assert office.chats.sent == []


async def test_other_peoples_bots_do_not_exist(office: Office) -> None:
    """Whoever is limited to some bots neither lists, sees nor touches the others."""
    assert (await office.lookup.groups(OTHERS, GroupQuery())).rows == ()
    assert (await office.lookup.audit(OTHERS)).rows == ()
    assert (await office.lookup.totals(OTHERS)).protected == 0
    with pytest.raises(NotAllowedError, match="there is no bot"):
        await office.lookup.group(OTHERS, BOT, GroupId(-1000))
    with pytest.raises(NotAllowedError, match="there is no bot"):
        await office.desk.pause(OTHERS, BOT, GroupId(-1000))


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10", "WzEsMl0", "eyJhIjoxfQ", "WyJhIiwgOTk5OTk5OTk5OTk5OTk5OTk5OTk5LCAxXQ"]
)
async def test_a_cursor_that_no_list_gave_is_refused(office: Office, cursor: str) -> None:
    """By name, and before anything is asked of PostgreSQL."""
    with pytest.raises(InvalidInputError) as refused:
        await office.lookup.groups(VIEWER, GroupQuery(cursor=cursor))
    with pytest.raises(InvalidInputError):
        await office.lookup.events(VIEWER, EventQuery(cursor=cursor))

    assert refused.value.field == "cursor"


async def test_a_group_shows_its_channels(office: Office) -> None:
    """And what is unknown is not found."""
    detail = await office.lookup.group(VIEWER, BOT, GroupId(-1002))

    assert detail.group.title == detail.row.title == "Charlie <b>"
    assert detail.row.channels == len(SETUP.channels)
    with pytest.raises(NotFoundError):
        await office.lookup.group(VIEWER, BOT, GroupId(-1))


async def test_lists_of_an_empty_deployment_are_empty(office: Office) -> None:
    """No list fails for want of rows."""
    look = office.lookup

    assert [row.groups for row in (await look.channels(VIEWER)).rows] == [4] * len(SETUP.channels)
    assert (await look.events(VIEWER, EventQuery())).rows == ()
    assert (await look.cases(VIEWER)).rows == ()
    assert (await look.cases(VIEWER, bot=BOT, user=OLGA)).rows == ()
    assert (await look.letters(VIEWER)).rows == ()
    assert list(await look.jobs(VIEWER)) == []
    assert list(await look.series(VIEWER, minutes=15, hours=24)) == []


def _gating(office: Office) -> ProtectedGroup:
    group = office.directory.group(BOT, GroupId(-1000))
    assert group is not None
    assert group.gating
    assert group.channel_ids == tuple(ChannelId(channel.channel_id) for channel in SETUP.channels)
    return group

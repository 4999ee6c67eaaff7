"""Who is let into the console, by what, and for how long."""

import dataclasses

import pytest

from bot.domain.errors import NotAllowedError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import Rank, Source
from bot.services.operating.access import IDLE_SECONDS, LINK_SECONDS, Access
from tests.fakes.access import FakeOwners, FakeShelf
from tests.fakes.ports import FakeClock

OLGA, STRANGER = UserId(7), UserId(8)


@dataclasses.dataclass
class Gate:
    """An access with everything behind it in reach."""

    shelf: FakeShelf = dataclasses.field(default_factory=FakeShelf)
    owners: FakeOwners = dataclasses.field(default_factory=FakeOwners)
    clock: FakeClock = dataclasses.field(default_factory=FakeClock)

    def access(self, *operators: UserId, base_url: str = "https://gate.example") -> Access:
        """Build it for these operators."""
        return Access(
            shelf=self.shelf,
            owners=self.owners,
            operators=frozenset(operators),
            base_url=base_url,
            clock=self.clock,
        )


@pytest.fixture
def gate() -> Gate:
    """Nobody has come yet."""
    return Gate()


def token_of(link: str | None) -> str:
    """Return the secret part of a link."""
    assert link is not None
    return link.rpartition("=")[2]


async def test_a_link_works_once(gate: Gate) -> None:
    """Looking does not use it up, entering does; it has 128 random bits and five minutes."""
    access = gate.access(OLGA)
    token = token_of(await access.link_for(OLGA))

    assert await access.is_link(token, "1.1.1.1")
    assert await access.is_link(token, "1.1.1.1")
    assert await access.enter(token, "1.1.1.1")
    assert await access.enter(token, "1.1.1.1") is None
    assert len(token) * 6 >= 128
    assert LINK_SECONDS in gate.shelf.seconds.values()


async def test_nothing_in_redis_lets_anybody_in(gate: Gate) -> None:
    """Only fingerprints of links and sessions are kept."""
    access = gate.access(OLGA)
    token = token_of(await access.link_for(OLGA))
    session = await access.enter(token, "1.1.1.1")

    kept = f"{gate.shelf.values} {gate.shelf.seconds}"
    assert token not in kept
    assert str(session) not in kept


async def test_a_session_is_new_with_each_login_and_ends_idle(gate: Gate) -> None:
    """Whatever the browser showed before; a visit begins the idle time anew, an open page does not."""
    access = gate.access(OLGA)
    first = await access.enter(token_of(await access.link_for(OLGA)), "1.1.1.1")
    second = await access.enter(token_of(await access.link_for(OLGA)), "1.1.1.1")

    assert first != second
    assert gate.shelf.seconds[next(name for name in gate.shelf.values if name.startswith("session"))] == IDLE_SECONDS
    gate.clock.advance(7 * 86_400 + 1)
    assert await access.session(second) is None


@pytest.mark.parametrize("session", [None, "", "guessed", "../../etc/passwd", "\ud800"])
async def test_nobody_comes_in_by_a_guess(gate: Gate, session: str | None) -> None:
    """Neither without a session nor with one that is none."""
    assert await gate.access(OLGA).session(session) is None


async def test_a_stranger_gets_no_link(gate: Gate) -> None:
    """Only operators, and owners of bots."""
    assert await gate.access(OLGA).link_for(STRANGER) is None


async def test_an_owner_sees_their_own_bots_only(gate: Gate) -> None:
    """An owner who is no operator of the deployment is limited to their bots."""
    gate.owners.bots[STRANGER] = frozenset({BotId(42)})
    access = gate.access(OLGA)
    session = await access.session(await access.enter(token_of(await access.link_for(STRANGER)), "1.1.1.1"))

    assert session is not None
    assert session.operator.bots == frozenset({BotId(42)})
    assert not session.operator.sees(BotId(43))


async def test_who_is_no_operator_any_more_is_out(gate: Gate) -> None:
    """A session by the chat ends with the right to it; one from a shell is the shell's word."""
    access = gate.access(OLGA)
    session = await access.enter(token_of(await access.link_for(OLGA)), "1.1.1.1")
    by_shell = await access.enter(token_of(await access.link(OLGA, Rank.VIEWER, Source.CLI)), "1.1.1.1")

    later = gate.access()
    assert await later.session(session) is None
    viewer = await later.session(by_shell)
    assert viewer is not None
    assert viewer.operator.rank is Rank.VIEWER


async def test_guessing_is_slowed_down_by_address(gate: Gate) -> None:
    """Ten tries a minute; another address is not held up by it."""
    access = gate.access(OLGA)
    for _ in range(10):
        assert await access.enter("guess", "6.6.6.6") is None
    with pytest.raises(NotAllowedError, match="too many"):
        await access.enter(token_of(await access.link_for(OLGA)), "6.6.6.6")

    assert await access.enter(token_of(await access.link_for(OLGA)), "1.1.1.1")


@pytest.mark.parametrize(
    ("rank", "wanted", "enough"),
    [
        (Rank.VIEWER, Rank.VIEWER, True),
        (Rank.VIEWER, Rank.OPERATOR, False),
        (Rank.OPERATOR, Rank.OWNER, False),
        (Rank.OWNER, Rank.VIEWER, True),
    ],
)
def test_each_rank_covers_those_below(rank: Rank, wanted: Rank, *, enough: bool) -> None:
    """And none above."""
    assert rank.covers(wanted) is enough

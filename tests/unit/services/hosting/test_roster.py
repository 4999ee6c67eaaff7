"""The roster: what an instance does with the bots of the deployment, as the database tells of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.domain.errors import InvalidInputError, NotReadyError
from bot.domain.hosting import HostedBot, bot_id_of, checked_name
from bot.domain.ids import BotId
from bot.domain.secret import Secret
from bot.services.hosting.roster import Roster
from bot.services.hosting.token_watch import check_bots
from tests.kits.strategies import START

ONE = HostedBot(BotId(1), "one_bot", Secret("1:AAA"), (Secret("s"),), enabled=True, refused_at=None, seq=1)
TWO = replace(ONE, bot_id=BotId(2), username="two_bot")


class Rows:
    """Tells of bots."""

    def __init__(self, *bots: HostedBot) -> None:
        self.bots = {bot.bot_id: bot for bot in bots}
        self.seq = 1

    async def changed_since(self, seq: int) -> tuple[int, Sequence[HostedBot], frozenset[BotId] | None]:
        return self.seq, [bot for bot in self.bots.values() if bot.seq > seq], frozenset(self.bots)

    async def mark_refused(self, bot: BotId, seq: int) -> bool:
        raise NotImplementedError

    async def clear_refused(self, bot: BotId) -> bool:
        raise NotImplementedError

    async def renamed(self, bot: BotId, username: str) -> None:
        raise NotImplementedError

    def change(self, bot: HostedBot) -> None:
        """Commit a change."""
        self.seq += 1
        self.bots[bot.bot_id] = replace(bot, seq=self.seq)


class Crew:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, BotId]] = []

    def take_on(self, bot: HostedBot) -> None:
        self.told.append(("on", bot.bot_id))

    def let_go(self, bot: BotId) -> None:
        self.told.append(("off", bot))


class Scene:
    """A roster with its surroundings."""

    def __init__(self, *bots: HostedBot) -> None:
        self.rows, self.crew = Rows(*bots), Crew()
        self.removed: list[BotId] = []
        self.roster = Roster(rows=self.rows, crew=self.crew, removed=self.removed.append)

    async def told(self) -> list[tuple[str, BotId]]:
        """Read the rows, and return what the crew heard of it."""
        self.crew.told.clear()
        await self.roster.refresh()
        return self.crew.told


async def test_bots_are_taken_on_and_let_go_as_the_rows_say() -> None:
    """Each change is told once."""
    scene = Scene(ONE, replace(TWO, enabled=False))

    assert await scene.told() == [("on", 1)]
    assert await scene.told() == []
    scene.rows.change(TWO)
    assert await scene.told() == [("on", 2)]
    scene.rows.change(replace(ONE, enabled=False))
    assert await scene.told() == [("off", 1)]
    assert scene.removed == []
    del scene.rows.bots[BotId(2)]
    scene.rows.seq += 1
    assert await scene.told() == [("off", 2)]
    assert scene.removed == [2]


async def test_a_bot_that_no_key_opens_is_left_out_and_told_of() -> None:
    """The others run."""
    scene = Scene(ONE, replace(TWO, token=None, secrets=()))

    assert await scene.told() == [("on", 1)]
    assert (scene.roster.count("running"), scene.roster.count("sealed")) == (1, 1)
    with pytest.raises(NotReadyError, match="1 bots are sealed with another key"):
        await check_bots(scene.roster)


async def test_a_refused_bot_is_taken_on_and_does_not_work() -> None:
    """The crew hears of it, so that its calls rest; it is not among those that are served."""
    scene = Scene(ONE, replace(TWO, refused_at=START))

    assert await scene.told() == [("on", 1), ("on", 2)]
    assert list(scene.roster.served()) == [1]
    with pytest.raises(NotReadyError, match="1 bots have a token that Telegram refuses"):
        await check_bots(scene.roster)


def remedies(events: Sequence[Mapping[str, object]]) -> dict[object, object]:
    """Return what a log says is to be done, by bot."""
    return {event["bot"]: event.get("remedy") for event in events if event["event"] == "bot.state"}


async def test_a_bot_that_cannot_work_is_a_warning_with_a_remedy() -> None:
    """At each start: nobody reads a state that is only told when it changes."""
    scene = Scene(replace(ONE, refused_at=START), replace(TWO, token=None), replace(ONE, bot_id=BotId(3)))
    with capture_logs() as events:
        await scene.roster.refresh()

    told = remedies([event for event in events if event["log_level"] == "warning"])
    assert "rotate-token" in str(told[BotId(1)])
    assert "ENCRYPTION_KEY" in str(told[BotId(2)])
    assert remedies(events)[BotId(3)] is None


@pytest.mark.parametrize("name", ["gate", "Gate-2_b", "x" * 64])
def test_a_name_has_letters_digits_dashes_and_underscores(name: str) -> None:
    """So that it fits a path, a shell and a page."""
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", "ä", "a\n", "<b>", "a;b", "../etc"])
def test_other_names_are_refused(name: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(InvalidInputError) as caught:
        checked_name(name)

    assert caught.value.field == "name"


@pytest.mark.parametrize("token", ["", "hello", "12:", ":AAA", "12:a b c", "\uff11\uff12:AAA", "1" * 17 + ":AAA"])
def test_what_is_no_token_is_refused_and_not_repeated(token: str) -> None:
    """A text that was pasted by mistake may be another secret."""
    with pytest.raises(InvalidInputError) as caught:
        bot_id_of(Secret(token))

    assert caught.value.field == "token"
    assert not token or token not in str(caught.value)

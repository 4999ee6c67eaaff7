"""When a menu is set, and when it is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from bot.core.texts import Catalogs, load_catalogs
from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import BotId
from bot.domain.menu import MENUS, Command
from bot.services.hosting.menus import MenuKeeper
from tests.fakes.ports import FakeClock

BOT = BotId(42)


class Profile:
    """Telegram's side, and the notes; `hook` may refuse a call."""

    def __init__(self) -> None:
        self.menus: list[tuple[str, str]] = []
        self.words: dict[str, str] = {}
        self.rights: list[bool] = []
        self.own_words = ""
        self.noted: str | None = None
        self.failures: list[Exception] = []

    async def set_commands(self, bot: BotId, scope: str, language: str, commands: Sequence[Command]) -> None:
        assert bot == BOT
        assert [each.name for each in commands] == list(MENUS[scope])
        if self.failures:
            raise self.failures.pop()
        self.menus.append((scope, language))

    async def description(self, bot: BotId) -> str:
        del bot
        return self.own_words

    async def describe(self, bot: BotId, language: str, *, long: str, short: str) -> None:
        del bot, short
        self.words[language] = long

    async def set_rights(self, bot: BotId, rights: frozenset[str], *, for_channels: bool) -> None:
        assert ("can_restrict_members" in rights) is not for_channels
        self.rights.append(for_channels)
        del bot

    async def menu_set(self, bot: BotId) -> str | None:
        del bot
        return self.noted

    async def note_menu(self, bot: BotId, fingerprint: str) -> None:
        del bot
        self.noted = fingerprint

    @asynccontextmanager
    async def held(self, purpose: int, subject: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Be the only instance."""
        assert (purpose > 0, subject) == (True, BOT)

        async def check() -> None:
            return

        yield check


@pytest.fixture(scope="module")
def catalogs() -> Catalogs:
    """Load the sentences once."""
    return load_catalogs()


async def kept(profile: Profile, catalogs: Catalogs) -> None:
    """Run an instance for a while."""
    keeper = MenuKeeper(
        profile=profile, notes=profile, leader=profile, texts=catalogs, clock=FakeClock(), served=lambda: [BOT]
    )
    task = asyncio.get_running_loop().create_task(keeper.run())
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_menu_is_set_once(catalogs: Catalogs) -> None:
    """The next start finds that nothing differs, and asks Telegram nothing."""
    profile = Profile()
    await kept(profile, catalogs)
    count = len(profile.menus)
    assert count == len(set(profile.menus)) == len(MENUS) * (1 + len(catalogs.languages))
    assert profile.rights == [False, True]
    assert profile.words.keys() >= {"", "de", "pt", "zh"}

    await kept(profile, catalogs)

    assert len(profile.menus) == count


async def test_a_try_that_is_broken_off_goes_on(catalogs: Catalogs) -> None:
    """A flood costs a pause and not the calls that were made."""
    profile = Profile()
    profile.failures = [TelegramUnavailableError(method="setMyCommands", description="flood", retry_after=9)]
    await kept(profile, catalogs)

    assert len(profile.menus) == len(set(profile.menus))
    assert profile.noted is not None


async def test_a_refusal_is_left_until_the_next_start(catalogs: Catalogs) -> None:
    """It would be refused again."""
    profile = Profile()
    profile.failures = [TelegramRefusedError(method="setMyCommands", description="BOT_COMMAND_INVALID") for _ in "ab"]
    await kept(profile, catalogs)

    assert len(profile.failures) == 1
    assert profile.noted is None


async def test_an_owner_s_own_words_stay(catalogs: Catalogs) -> None:
    """Who has described the bot at @BotFather meant it."""
    profile = Profile()
    profile.own_words = "The best bot of our club"
    await kept(profile, catalogs)

    assert profile.words == {}
    assert profile.noted is not None


def test_no_menu_has_a_command_twice() -> None:
    """Telegram would show it twice."""
    assert [scope for scope, names in MENUS.items() if len(set(names)) != len(names)] == []


def test_commands_and_words_fit(catalogs: Catalogs) -> None:
    """Telegram takes 256 characters of a command's, 512 of a long and 120 of a short description."""
    for language in catalogs.languages:
        assert len(catalogs.toast("profile.short", language)) <= 120
        for name in {name for names in MENUS.values() for name in names}:
            assert catalogs.toast(f"menu.{name}", language) != f"menu.{name}"

"""Keeps the bots' menus and descriptions right: one instance at a time, where they differ, and never in a hurry."""

import hashlib
import json
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

import structlog

from bot.domain.errors import StoreUnavailableError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import BotId
from bot.domain.menu import CHANNEL_RIGHTS, GROUP_RIGHTS, MENUS, Command, telegram_language
from bot.services.ports.hosting import MenuNotes, Profile
from bot.services.ports.runtime import Clock, Leader, Texts

_PURPOSE = 0x67_6D_6E_75  # "gmnu"
# What people wait for goes first after a start.
_LOOK_SECONDS = 5.0
_EVERYBODY = "en"
_WORDS = ("description", "short")

_Step = Callable[[], Coroutine[object, object, None]]

log = structlog.stdlib.get_logger()


class MenuKeeper:
    """Sets what a release shows, once for each bot. A try that is broken off goes on where it ended."""

    def __init__(
        self,
        *,
        profile: Profile,
        notes: MenuNotes,
        leader: Leader,
        texts: Texts,
        clock: Clock,
        served: Callable[[], Sequence[BotId]],
    ) -> None:
        self._profile = profile
        self._notes = notes
        self._leader = leader
        self._texts = texts
        self._clock = clock
        self._served = served
        self._done: set[BotId] = set()
        self._at: dict[BotId, int] = {}

    async def run(self) -> None:
        """Look after bots that are new to this instance, until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            for bot in self._served():
                if bot not in self._done:
                    await self._look(bot)

    async def _look(self, bot: BotId) -> None:
        try:
            async with self._leader.held(_PURPOSE, bot):
                await self._keep(bot)
        except (StoreUnavailableError, TelegramUnavailableError) as error:
            log.info("menu.waits", bot=bot, error=str(error))
            return
        except TelegramRefusedError as error:
            # The next start tries again; the commands work without a menu.
            log.warning("menu.refused", bot=bot, description=error.description)
        self._done.add(bot)

    async def _keep(self, bot: BotId) -> None:
        wanted = self._fingerprint()
        if await self._notes.menu_set(bot) == wanted:
            return
        steps = self._steps(bot)
        while (at := self._at.get(bot, 0)) < len(steps):
            await steps[at]()
            self._at[bot] = at + 1
        await self._notes.note_menu(bot, wanted)
        log.info("menu.set", bot=bot, calls=len(steps))

    def _steps(self, bot: BotId) -> list[_Step]:
        profile = self._profile
        steps: list[_Step] = [
            partial(profile.set_commands, bot, scope, code, commands) for scope, code, commands in self._menus()
        ]
        steps += [
            partial(profile.set_rights, bot, GROUP_RIGHTS, for_channels=False),
            partial(profile.set_rights, bot, CHANNEL_RIGHTS, for_channels=True),
            partial(self._describe, bot),
        ]
        return steps

    def _menus(self) -> list[tuple[str, str, tuple[Command, ...]]]:
        return [
            (scope, code, tuple(Command(name, self._texts.toast(f"menu.{name}", language)) for name in names))
            for scope, names in MENUS.items()
            for code, language in self._languages()
        ]

    def _languages(self) -> list[tuple[str, str]]:
        """Return Telegram's code and ours for each language, everybody else's first."""
        return [("", _EVERYBODY), *((telegram_language(each), each) for each in self._texts.languages)]

    async def _describe(self, bot: BotId) -> None:
        """Describe the bot, unless its owner has done that in words of their own."""
        known = await self._profile.description(bot)
        if known not in {"", self._texts.toast("profile.description", _EVERYBODY)}:
            return
        for code, language in self._languages():
            long, short = (self._texts.toast(f"profile.{name}", language) for name in _WORDS)
            await self._profile.describe(bot, code, long=long, short=short)

    def _fingerprint(self) -> str:
        menus = [(scope, code, [(each.name, each.description) for each in menu]) for scope, code, menu in self._menus()]
        words = [self._texts.toast(f"profile.{name}", each) for name in _WORDS for _, each in self._languages()]
        content = json.dumps([menus, words, sorted(GROUP_RIGHTS), sorted(CHANNEL_RIGHTS)])
        return hashlib.sha256(content.encode()).hexdigest()

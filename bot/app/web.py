"""The console and the API, joined to an instance."""

import asyncio
from collections.abc import Callable
from importlib.metadata import version

from bot.app.services import Services
from bot.app.world import World
from bot.core.api import ApiAnswers, ApiTokens
from bot.core.console import JobBoard
from bot.core.events import EventStore
from bot.core.letters import LetterStore, name_of
from bot.core.operating import OperatingStore
from bot.domain.ids import BotId
from bot.services.api_access import ApiAccess
from bot.services.hosting import Hosting
from bot.services.operating import Lookup
from bot.services.operating_bots import BotDesk, LetterDesk
from bot.services.operating_groups import GroupDesk
from bot.services.operating_jobs import Warmings
from bot.services.warmer import Warmer
from bot.web import Desk, Web, build_web
from bot.web.api import api_routes
from bot.web.console import console_routes, refusal_page

# Whoever waits for a page does not wait longer; the bot goes on freeing people, and the page says so.
_FREEING_SECONDS = 20.0


def join_web(world: World, services: Services, warmer: Callable[[BotId], Warmer]) -> Web:
    """Build what operators see."""
    desk = join_desk(world, services, warmer)
    api = api_routes(
        desk,
        access=ApiAccess(book=ApiTokens(database=world.database), clock=world.clock),
        answers=ApiAnswers(database=world.database),
        version=version("gmbot"),
    )
    return build_web(console=console_routes(desk), api=api, page=refusal_page, ending=asyncio.Event())


def join_desk(world: World, services: Services, warmer: Callable[[BotId], Warmer]) -> Desk:
    """Build what operators may ask for and do."""
    use, store = services.use, OperatingStore(database=world.database)
    letters = LetterStore(database=world.database)

    async def owner(name: str) -> BotId | None:
        return await letters.owner(name_of(name))

    async def replay(name: str) -> bool:
        return await letters.replay(name_of(name))

    async def drop(name: str) -> bool:
        return await letters.drop(name_of(name))

    hosting = Hosting(
        book=world.bots, desk=world.telegram.desk, clock=world.clock, poke=services.answers.publish_config
    )
    return Desk(
        lookup=Lookup(lists=store, history=EventStore(database=world.database), groups=use.directory),
        groups=GroupDesk(
            groups=use.directory, gates=use.policies, rights=use.rights, telegram=use.telegram, notes=store
        ),
        bots=BotDesk(hosting=hosting, wait_seconds=_FREEING_SECONDS),
        letters=LetterDesk(owner=owner, replay=replay, drop=drop, notes=store),
        warmings=Warmings(
            groups=use.directory,
            warmer=warmer,
            jobs=JobBoard(redis=world.redis),
            notes=store,
            spawner=world.tasks,
            clock=world.clock,
        ),
    )

"""The console and the API, joined to an instance."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version

from pydantic import SecretStr
from redis.asyncio import Redis

from bot.app.administration import Administration
from bot.app.examination import checks_of
from bot.app.services import Services
from bot.app.world import World, given_secret
from bot.core.clock import SystemClock
from bot.core.postgres.database import Database
from bot.core.redis.console_state import Shelf
from bot.core.redis.feed import Feed, FeedTail
from bot.core.repositories.api import ApiAnswers, ApiTokens
from bot.core.repositories.events import EventStore
from bot.core.repositories.letters import LetterStore, name_of
from bot.core.repositories.operating import OperatingStore
from bot.core.repositories.owners import OwnerStore
from bot.core.settings import Settings
from bot.core.telemetry.logging import current_level, set_level
from bot.core.telemetry.measurements import measure
from bot.domain.hosting import SIMULATED
from bot.domain.ids import BotId, UserId
from bot.domain.operator import Rank, Source
from bot.services.hosting.bots import Hosting
from bot.services.membership.warmer import Warmer
from bot.services.operating.access import Access
from bot.services.operating.api_access import ApiAccess
from bot.services.operating.backups import BackupDesk
from bot.services.operating.bots import BotDesk, LetterDesk
from bot.services.operating.doctor import Answer, Doctor
from bot.services.operating.explaining import Explaining
from bot.services.operating.groups import GroupDesk
from bot.services.operating.installation import Installation, Setting
from bot.services.operating.jobs import Jobs
from bot.services.operating.lists import Lookup
from bot.services.operating.log_level import LogLevel
from bot.services.operating.owners import OwnerDesk
from bot.services.operating.warmings import Warmings
from bot.services.outages.health import Health
from bot.services.ports.upkeep import BackupRoom
from bot.web import Desk, Web, build_web
from bot.web.address import Proxies
from bot.web.api import api_routes
from bot.web.console import Parts, build_console

# Whoever starts an instance, and may read its secrets.
AT_THE_SHELL = UserId(0)
# Whoever waits for a page does not wait longer; the bot goes on freeing people, and the page says so.
_FREEING_SECONDS = 20.0


def join_web(
    world: World,
    services: Services,
    access: Access,
    health: Health,
    warmer: Callable[[BotId], Warmer],
    room: BackupRoom | None,
) -> Web:
    """Build what operators see, and start what the live feed takes."""
    settings, instance = world.settings, world.heartbeat.instance_id
    desk, ending = join_desk(world, services, warmer, room), asyncio.Event()
    feed = Feed(redis=world.redis, clock=world.clock)
    tail = FeedTail(database=world.database, redis=world.redis, clock=world.clock, instance=instance)
    world.tasks.keep(tail.run, name="feed")
    world.tasks.keep(feed.run, name="feed to watchers")
    world.tasks.keep(desk.log_level.run, name="log level")
    console = build_console(
        Parts(
            desk=desk,
            access=access,
            feed=feed,
            recent=tail,
            health=health,
            measure=partial(measure, world.metrics),
            proxies=Proxies(trusted=settings.trusted_proxies),
            clock=world.clock,
            ending=ending,
            instance=f"{socket.gethostname()} {str(instance)[:8]}",
            version=version("gmbot"),
            is_demo=settings.bot_token is not None and SIMULATED in settings.bot_token.get_secret_value(),
        )
    )
    api = api_routes(
        desk,
        access=_api_access(world),
        answers=ApiAnswers(database=world.database),
        version=version("gmbot"),
    )
    return build_web(
        console=console.routes,
        api=api,
        page=console.refuse,
        ending=ending,
        link=partial(access.link, AT_THE_SHELL, Rank.OWNER, Source.CLI),
    )


def join_desk(
    world: World, services: Services, warmer: Callable[[BotId], Warmer], room: BackupRoom | None = None
) -> Desk:
    """Build what operators may ask for and do."""
    shelf = Shelf(redis=world.redis)
    jobs = Jobs(shelf=shelf, spawner=world.tasks, clock=world.clock)
    use, store = services.use, OperatingStore(database=world.database)
    letters = LetterStore(database=world.database)

    async def owner(name: str) -> BotId | None:
        return await letters.owner(name_of(name))

    async def replay(name: str) -> bool:
        return await letters.replay(name_of(name))

    async def drop(name: str) -> bool:
        return await letters.drop(name_of(name))

    lookup = Lookup(lists=store, history=EventStore(database=world.database), groups=use.directory)
    return Desk(
        lookup=lookup,
        explaining=Explaining(lookup=lookup, groups=use.directory),
        groups=GroupDesk(
            groups=use.directory,
            gates=use.policies,
            rights=use.rights,
            telegram=use.telegram,
            notes=store,
            clock=world.clock,
        ),
        bots=BotDesk(
            hosting=_hosting(world, services),
            webhooks=world.telegram.for_presses,
            base_url=public_url(world.settings),
            wait_seconds=_FREEING_SECONDS,
        ),
        owners=OwnerDesk(book=OwnerStore(database=world.database)),
        letters=LetterDesk(owner=owner, replay=replay, drop=drop, notes=store),
        warmings=Warmings(groups=use.directory, warmer=warmer, jobs=jobs, notes=store),
        backups=BackupDesk(room=room, jobs=jobs, shelf=shelf, notes=store),
        log_level=LogLevel(shelf=shelf, notes=store, clock=world.clock, usual=current_level(), apply=set_level),
        jobs=jobs,
        installation=Installation(examine=partial(_examine, world, services), settings=effective(world.settings)),
    )


def join_access(world: World) -> Access:
    """Build what lets operators in."""
    return access_for(world.settings, world.redis, world.database, world.clock)


def access_for(settings: Settings, redis: "Redis", database: Database, clock: SystemClock) -> Access:
    """Build what lets operators in, also where no instance runs around it."""
    return Access(
        shelf=Shelf(redis=redis),
        owners=OwnerStore(database=database),
        operators=frozenset(UserId(each) for each in settings.operator_ids),
        base_url=public_url(settings),
        clock=clock,
    )


def public_url(settings: Settings) -> str:
    """Return where people reach this deployment: where Telegram does, or on this machine."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.webhook_url or f"http://{host}:{settings.port}"


def effective(settings: Settings) -> Sequence[Setting]:
    """Return every setting as it is in force; of a secret only whether it is set."""
    found: list[Setting] = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        usual = field.get_default(call_default_factory=True)
        found.append(Setting(name.upper(), _shown(value), is_default=value == usual))
    return found


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "set, not shown"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _api_access(world: World) -> ApiAccess:
    return ApiAccess(book=ApiTokens(database=world.database), clock=world.clock)


def _hosting(world: World, services: Services) -> Hosting:
    poke = services.answers.publish_config
    return Hosting(
        book=world.bots,
        desk=world.telegram.desk,
        clock=world.clock,
        poke=poke,
        own_secrets=given_secret(world.settings) is None,
    )


async def _examine(world: World, services: Services) -> Sequence[Answer]:
    admin = Administration(
        settings=world.settings,
        clock=world.clock,
        hosting=_hosting(world, services),
        bots=world.bots,
        groups=services.groups,
        database=world.database,
        database_url=world.database_url,
        redis=world.redis,
        # It also asks for bots that rest or are disabled, and they go on resting here.
        telegram=world.telegram.apart(),
        privacy=services.use.privacy,
        owners=OwnerDesk(book=OwnerStore(database=world.database)),
        api=_api_access(world),
    )
    checks = await checks_of(world.settings, admin)
    return await Doctor(checks=checks).examine()

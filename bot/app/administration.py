"""What operators' commands work with: the use cases, joined to the stores of a deployment, without an instance."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis

from bot.app.backups import before_migration
from bot.app.world import given_secret, limits_of
from bot.core.clock import SystemClock
from bot.core.crypto import Vault
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.migrations import ensure_schema
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import announce_change, open_redis
from bot.core.repositories.api import ApiTokens
from bot.core.repositories.bots import BotStore
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.owners import OwnerStore
from bot.core.repositories.privacy import PersonalKeys, PersonalRows
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.core.telegram.opening import Telegram, open_telegram
from bot.domain.hosting import HostedBot
from bot.services.hosting.bots import Hosting
from bot.services.operating.api_access import ApiAccess
from bot.services.operating.owners import OwnerDesk
from bot.services.operating.privacy import Privacy


@dataclass(frozen=True, slots=True)
class Administration:
    """The use cases of operators, and what their commands look into."""

    settings: Settings
    clock: SystemClock
    hosting: Hosting
    privacy: Privacy
    owners: OwnerDesk
    api: ApiAccess
    bots: BotStore
    groups: PostgresGroups
    database: Database
    database_url: str
    redis: Redis
    telegram: Telegram

    async def hosted(self) -> list[HostedBot]:
        """Return the bots with their secrets, ready to be asked for."""
        _, bots, _ = await self.bots.changed_since(-1)
        for bot in bots:
            if bot.token is not None:
                self.telegram.bots.put(bot.bot_id, bot.token, resting=False)
        return list(bots)


@asynccontextmanager
async def administration(settings: Settings, *, any_schema: bool = False) -> AsyncIterator[Administration]:
    """Open a deployment's stores for a command. Raises what `running` raises.

    With `any_schema` nothing is migrated and nothing refused: for whoever wants to look at what is there.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        if not any_schema:
            await ensure_schema(
                stores.database_url,
                migrate=settings.migrate_on_start,
                before=partial(before_migration, settings, stores),
            )
        database = await stack.enter_async_context(
            open_database(stores.database_url, pool_size=2, statements=load_statements())
        )
        redis = await stack.enter_async_context(open_redis(stores.redis_url))
        telegram = await stack.enter_async_context(
            open_telegram(
                api_url=settings.telegram_api_url,
                limits=limits_of(settings),
                redis=redis,
                instances=lambda: 1,
                clock=clock,
                token_refused=lambda _: None,
            )
        )
        bots = BotStore(database=database, vault=Vault(stores.encryption_key, stores.former_key))
        poke = partial(announce_change, redis)
        yield Administration(
            settings=settings,
            clock=clock,
            hosting=Hosting(
                book=bots,
                desk=telegram.desk,
                clock=clock,
                poke=poke,
                own_secrets=given_secret(settings) is None,
            ),
            privacy=Privacy(
                rows=PersonalRows(database=database), keys=PersonalKeys(redis=redis), clock=clock, poke=poke
            ),
            owners=OwnerDesk(book=OwnerStore(database=database)),
            api=ApiAccess(book=ApiTokens(database=database), clock=clock),
            bots=bots,
            groups=PostgresGroups(database=database),
            database=database,
            database_url=stores.database_url,
            redis=redis,
            telegram=telegram,
        )

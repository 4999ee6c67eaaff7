"""What operators' commands work with: the use cases, joined to the stores of a deployment, without an instance."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from bot.core.bots import BotStore
from bot.core.clock import SystemClock
from bot.core.crypto import Vault
from bot.core.database import Database, open_database
from bot.core.migrations import ensure_schema
from bot.core.redis import announce_change, open_redis
from bot.core.settings import Settings
from bot.core.statements import load_statements
from bot.core.stores import open_stores
from bot.core.telegram.opening import open_desk
from bot.services.hosting import Hosting


@dataclass(frozen=True, slots=True)
class Administration:
    """The use cases of operators."""

    hosting: Hosting
    bots: BotStore
    database: Database


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[Administration]:
    """Open a deployment's stores for a command. Raises what `running` raises."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        await ensure_schema(stores.database_url, migrate=settings.migrate_on_start)
        database = await stack.enter_async_context(
            open_database(stores.database_url, pool_size=2, statements=load_statements())
        )
        redis = await stack.enter_async_context(open_redis(stores.redis_url))
        desk = await stack.enter_async_context(open_desk(api_url=settings.telegram_api_url, clock=clock))
        bots = BotStore(database=database, vault=Vault(stores.encryption_key, stores.former_key))
        hosting = Hosting(book=bots, desk=desk, clock=clock, poke=partial(announce_change, redis))
        yield Administration(hosting=hosting, bots=bots, database=database)

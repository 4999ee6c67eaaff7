"""The doctor's checks, joined to a deployment."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from bot.app.administration import Administration, administration
from bot.app.twins import twins_of
from bot.app.world import given_secret
from bot.core.backup.log import release_slot
from bot.core.checks import (
    backups,
    configuration,
    delivery,
    groups,
    reaching,
    replication,
    sentinels,
    stores,
    telegram,
    twins,
)
from bot.core.clock import SystemClock
from bot.core.postgres.migrations import upgrade
from bot.core.settings import Settings, almost_named
from bot.domain.errors import BotError, InvalidInputError
from bot.domain.finding import Finding, failure, note
from bot.domain.group import ProtectedGroup
from bot.domain.hosting import HostedBot, bot_id_of
from bot.domain.secret import Secret
from bot.services.hosting.webhooks import ALLOWED_UPDATES, CONNECTIONS
from bot.services.operating.doctor import Check

_SETTINGS, _STORES, _TELEGRAM, _UPDATES, _GROUPS = "Settings", "Stores", "Telegram", "Updates", "Groups"


@asynccontextmanager
async def examination(
    settings: Settings, *, secret_files: Sequence[tuple[str, Path]], group: int | None, every_group: bool
) -> AsyncIterator[list[Check]]:
    """Yield the checks that can be made; where the stores do not open, that is the finding."""
    checks = _of_settings(settings, secret_files)
    async with AsyncExitStack() as stack:
        try:
            admin = await stack.enter_async_context(administration(settings, any_schema=True))
            found = await stores.schema(admin.database_url)
        except (BotError, OSError) as error:
            checks.append(
                Check("DB-1", _STORES, _plain([failure(str(error), "put this right first, then run the doctor again")]))
            )
            yield checks
            return
        checks += _of_stores(settings, admin)
        if any(each.level.value == "failure" for each in found):
            yield checks
            return
        checks += await _of_bots(settings, admin)
        checks += await _of_groups(admin, group, every_group=every_group)
        yield checks


async def checks_of(settings: Settings, admin: Administration) -> list[Check]:
    """Return the checks of an instance that runs; of its groups those that are paused are looked at."""
    checks = [*_of_settings(settings, ()), *_of_stores(settings, admin), *await _of_bots(settings, admin)]
    return [*checks, *await _of_groups(admin, None, every_group=False)]


def _of_settings(settings: Settings, secret_files: Sequence[tuple[str, Path]]) -> list[Check]:
    return [
        Check("CFG-1", _SETTINGS, _plain(configuration.settings_fit(settings, almost_named()))),
        Check("CFG-2", _SETTINGS, _plain(configuration.secret_files(secret_files))),
        Check("CFG-4", _SETTINGS, _plain(configuration.versions())),
        Check("SEC-1", _SETTINGS, _plain(configuration.account())),
        Check("WH-2", _SETTINGS, _plain(configuration.webhook_address(settings))),
        *_of_ways(settings),
    ]


def _of_ways(settings: Settings) -> list[Check]:
    clock = SystemClock()
    checks = [Check("NET-1", _TELEGRAM, lambda: reaching.bot_api(settings.telegram_api_url, clock.now()))]
    url = settings.webhook_url
    if url is not None and url.startswith("https://"):
        checks.append(Check("WH-3", _UPDATES, lambda: reaching.certificate(url, clock.now())))
    if url is not None:
        checks.append(Check("OBS-1", _UPDATES, lambda: delivery.open_doors(url)))
    return checks


def _of_stores(settings: Settings, admin: Administration) -> list[Check]:
    async def migrate() -> str:
        return f"the schema is brought to {(await upgrade(admin.database_url)).revision}"

    return [
        Check("DB-1", _STORES, partial(stores.postgres, admin.database, admin.clock, pool_size=settings.db_pool_size)),
        Check("DB-2", _STORES, partial(stores.schema, admin.database_url), migrate),
        Check("DB-3", _STORES, partial(replication.hosts, admin.database_url)),
        Check("DB-4", _STORES, partial(replication.replicas, admin.database, admin.database_url)),
        Check("RD-1", _STORES, partial(stores.redis, admin.redis)),
        Check("RD-2", _STORES, partial(sentinels.sentinels, settings.redis_url)),
        Check("RUN-1", _STORES, partial(stores.work, admin.database)),
        *_of_backups(settings, admin),
        *_of_twins(settings),
    ]


def _of_twins(settings: Settings) -> list[Check]:
    if settings.twin_database_url is None:
        return []
    return [Check("TW-1", _STORES, partial(twins.standing, twins_of(settings)))]


def _of_backups(settings: Settings, admin: Administration) -> list[Check]:
    async def release() -> str:
        dropped = await release_slot(admin.database_url)
        return "the server lets go the log it held" if dropped else "nothing: an instance is receiving the log"

    return [
        Check("BK-1", _STORES, partial(backups.standing, settings, admin.clock)),
        Check("BK-2", _STORES, partial(backups.held_log, settings, admin.database_url), release),
    ]


async def _of_bots(settings: Settings, admin: Administration) -> list[Check]:
    bots = [bot for bot in await admin.hosted() if bot.enabled]
    checks = [Check("TG-1", _TELEGRAM, partial(telegram.identity, bot, admin.telegram.desk)) for bot in bots]
    if settings.bot_token is not None:
        checks += _of_newcomer(Secret(settings.bot_token.get_secret_value()), bots, admin)
    if not checks:
        return [Check("TG-1", _TELEGRAM, _plain([note("no bot is hosted yet", "gmbot bots add")]))]
    for bot in bots:
        if bot.token is not None:
            checks.append(
                Check("WH-5", _UPDATES, partial(_webhook, admin, settings, bot), partial(_set, admin, settings, bot))
            )
            if settings.webhook_url is not None:
                secret = given_secret(settings) or bot.secrets[0]
                checks.append(
                    Check("WH-4", _UPDATES, partial(delivery.round_trip, settings.webhook_url, bot.bot_id, secret))
                )
    return checks


def _of_newcomer(token: Secret, known: Sequence[HostedBot], admin: Administration) -> list[Check]:
    """Look at a BOT_TOKEN that was not taken over yet, so that a slip is found before the first start."""
    try:
        bot = HostedBot(bot_id_of(token), "", token, (), enabled=True, refused_at=None, seq=0)
    except InvalidInputError as error:
        return [Check("TG-1", _TELEGRAM, _plain([failure(f"BOT_TOKEN: {error}", "copy it again from @BotFather")]))]
    if bot.bot_id in {each.bot_id for each in known}:
        return []
    return [Check("TG-1", _TELEGRAM, partial(telegram.identity, bot, admin.telegram.desk))]


async def _webhook(admin: Administration, settings: Settings, bot: HostedBot) -> Sequence[Finding]:
    info = await admin.telegram.for_presses.webhook(bot.bot_id)
    wanted = None if settings.webhook_url is None else webhook_address(settings.webhook_url, bot)
    return telegram.webhook(
        bot, info, wanted=wanted, kinds=ALLOWED_UPDATES, connections=CONNECTIONS, now=admin.clock.now()
    )


async def _set(admin: Administration, settings: Settings, bot: HostedBot) -> str:
    if settings.webhook_url is None:
        return "nothing: only you know whether the webhook is still needed"
    await set_webhook(admin, settings.webhook_url, bot)
    return "the webhook is set"


async def set_webhook(admin: Administration, base_url: str, bot: HostedBot) -> str:
    """Tell Telegram where to deliver a bot's updates; return the address."""
    url, secret = webhook_address(base_url, bot), given_secret(admin.settings) or bot.secrets[0]
    await admin.telegram.for_presses.set_webhook(
        bot.bot_id, url, secret=secret.reveal(), allowed=ALLOWED_UPDATES, connections=CONNECTIONS
    )
    return url


def webhook_address(base_url: str, bot: HostedBot) -> str:
    """Return where Telegram delivers a bot's updates to."""
    return f"{base_url.rstrip('/')}/telegram/{bot.bot_id}"


async def _of_groups(admin: Administration, wanted: int | None, *, every_group: bool) -> list[Check]:
    _, known = await admin.groups.changed_since(-1)
    chosen = [group for group in known if _is_chosen(group, wanted, every=every_group)]
    if wanted is not None and not chosen:
        lacking = [failure(f"group {wanted} is not known here", "gmbot groups list")]
        return [Check("GRP-1", _GROUPS, _plain(lacking))]
    bulk = admin.telegram.for_bulk
    checks = [Check("GRP-1", _GROUPS, partial(groups.group, group, bulk)) for group in chosen]
    left_out = sum(group.protected for group in known) - sum(group.protected for group in chosen)
    if left_out:
        text = f"{left_out} protected groups were not looked at; those that are paused were"
        checks.append(Check("GRP-2", _GROUPS, _plain([note(text, "gmbot doctor --all-groups, or --group ID")])))
    return checks


def _is_chosen(group: ProtectedGroup, wanted: int | None, *, every: bool) -> bool:
    if wanted is not None:
        return wanted in {group.group_id, *group.former_ids}
    return group.protected and (every or group.paused_reason is not None)


def _plain(found: Sequence[Finding]) -> "_Found":
    return _Found(found)


class _Found:
    """A probe whose findings are there already."""

    def __init__(self, found: Sequence[Finding]) -> None:
        self._found = found

    async def __call__(self) -> Sequence[Finding]:
        return self._found

"""Keeps Telegram's idea of the webhooks right: one instance at a time, and only where it differs."""

import asyncio
import hashlib
from contextlib import suppress

import structlog

from bot.domain.errors import NotReadyError, StoreUnavailableError, TelegramError
from bot.domain.hosting import HostedBot
from bot.domain.ids import BotId
from bot.domain.secret import Secret
from bot.services.ports.hosting import WebhookNotes
from bot.services.ports.runtime import Clock, Leader, Starter, Stop
from bot.services.ports.telegram import Webhooks

ALLOWED_UPDATES = (
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
)
"""`chat_member` is not among Telegram's defaults: without it a join in a channel is never heard of."""

CONNECTIONS = 100
"""Telegram's most; its default of 40 is enough until chats wait for their verification."""

_PURPOSE = 0x67_77_65_62  # "gweb"
_WATCH = 0x67_77_61_74  # "gwat"
_LOOK_SECONDS = 60.0
_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 30.0
_AT_ONCE = 10
_HEARD_SECONDS = 0.7
# Updates that Telegram sent before it heard of a new secret may still be on their way.
_OVERLAP_SECONDS = 5.0

log = structlog.stdlib.get_logger()


class WebhookKeeper:
    """Sets webhooks in the background: an instance is ready without Telegram, and degraded until this is done."""

    def __init__(
        self,
        *,
        telegram: Webhooks,
        notes: WebhookNotes,
        leader: Leader,
        clock: Clock,
        starter: Starter,
        base_url: str,
        secret: Secret | None,
    ) -> None:
        self._telegram = telegram
        self._notes = notes
        self._leader = leader
        self._clock = clock
        self._starter = starter
        self._base_url = base_url.rstrip("/")
        self._secret = secret
        self._wanted: dict[BotId, tuple[Secret, Secret | None]] = {}
        self._stops: dict[BotId, Stop] = {}
        self._pending: set[BotId] = set()
        # One bot that Telegram is slow for must not keep the others waiting, nor may all of them ask at once.
        self._places = asyncio.Semaphore(_AT_ONCE)
        self.waiting = 0
        """How many updates wait at Telegram, as of the last look."""
        self.failed_at = 0.0
        """When Telegram last failed to deliver, in seconds since 1970; 0 when it never did."""

    @property
    def pending(self) -> frozenset[BotId]:
        """Bots whose webhook is not known to be right."""
        return frozenset(self._pending)

    async def watch(self) -> None:
        """Look at all webhooks each minute, as one instance of many: somebody else may have changed one."""
        while True:
            with suppress(StoreUnavailableError):
                async with self._leader.held(_WATCH, 0) as check:
                    while True:
                        await check()
                        await self._look()
                        await self._clock.sleep(_LOOK_SECONDS)
            self.waiting, self.failed_at = 0, 0.0
            await self._clock.sleep(_RETRY_SECONDS)

    async def _look(self) -> None:
        infos = []
        for bot in sorted(self._wanted.keys() - self._pending):
            with suppress(TelegramError):
                info = await self._telegram.webhook(bot)
                infos.append(info)
                # The bot may have been let go, or its secret exchanged, meanwhile.
                kept = bot in self._wanted and bot not in self._pending
                if kept and info.get("url") != f"{self._base_url}/telegram/{bot}":
                    log.warning("webhook.changed_by_others", bot=bot)
                    self._again(bot)
        self.waiting = sum(count for info in infos if isinstance(count := info.get("pending_update_count"), int))
        failures = [at for info in infos if isinstance(at := info.get("last_error_date"), int)]
        self.failed_at = float(max(failures, default=0))

    def _again(self, bot: BotId) -> None:
        secret, _ = self._wanted[bot]
        self._pending.add(bot)
        self._stops[bot] = self._starter.start(self._keep(bot, secret, exchanged=False), name="webhook")

    async def check(self) -> None:
        """Raise NotReadyError while a webhook is not known to be right."""
        if self._pending:
            raise NotReadyError(f"{len(self._pending)} webhooks are not set yet")

    def take_on(self, bot: HostedBot) -> None:
        """See to a bot's webhook, unless that is done or Telegram refuses the bot."""
        secret = self._secret or bot.secrets[0]
        if bot.refused_at is not None or not self._base_url:
            self.let_go(bot.bot_id)
        elif self._wanted.get(bot.bot_id) != (secret, bot.token):
            self.let_go(bot.bot_id)
            self._wanted[bot.bot_id] = secret, bot.token
            self._pending.add(bot.bot_id)
            work = self._keep(bot.bot_id, secret, exchanged=len(bot.secrets) > 1)
            self._stops[bot.bot_id] = self._starter.start(work, name="webhook")

    def let_go(self, bot: BotId) -> None:
        """Leave a bot's webhook as it is."""
        self._wanted.pop(bot, None)
        self._pending.discard(bot)
        if stop := self._stops.pop(bot, None):
            stop()

    async def _keep(self, bot: BotId, secret: Secret, *, exchanged: bool) -> None:
        """Set what differs, then end."""
        pause = _RETRY_SECONDS
        if exchanged:
            # Instances hear of a new secret within half a second; then none refuses what Telegram sends.
            await self._clock.sleep(_HEARD_SECONDS)
        while bot in self._pending:
            try:
                async with self._places, self._leader.held(_PURPOSE, bot):
                    await self._set(bot, secret)
            except (TelegramError, StoreUnavailableError) as error:
                log.warning("webhook.not_set", bot=bot, error=str(error))
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_RETRY_SECONDS)
            else:
                self._pending.discard(bot)
        while exchanged:
            await self._clock.sleep(_OVERLAP_SECONDS)
            with suppress(StoreUnavailableError):
                await self._notes.drop_former_secret(bot)
                exchanged = False

    async def _set(self, bot: BotId, secret: Secret) -> None:
        url = f"{self._base_url}/telegram/{bot}"
        wanted = _fingerprint(url, secret.reveal())
        # What has to be set is not asked about first: with many bots to start, each call counts.
        if await self._notes.webhook_set(bot) == wanted and await self._fits(bot, url):
            return
        await self._telegram.set_webhook(
            bot, url, secret=secret.reveal(), allowed=ALLOWED_UPDATES, connections=CONNECTIONS
        )
        await self._notes.note_webhook(bot, wanted)
        log.info("webhook.set", bot=bot, url=url)

    async def _fits(self, bot: BotId, url: str) -> bool:
        """Whether Telegram still has what was set; it does not tell the secret."""
        info = await self._telegram.webhook(bot)
        allowed = info.get("allowed_updates")
        return info.get("url") == url and isinstance(allowed, list | tuple) and set(allowed) == set(ALLOWED_UPDATES)


def _fingerprint(url: str, secret: str) -> str:
    return hashlib.sha256("\n".join((url, secret, str(CONNECTIONS), *ALLOWED_UPDATES)).encode()).hexdigest()

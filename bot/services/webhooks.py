"""Keeps Telegram's idea of the webhooks right: one instance at a time, and only where it differs."""

import hashlib
from collections.abc import Mapping

import structlog

from bot.domain.errors import NotReadyError, StoreUnavailableError, TelegramError
from bot.domain.ids import BotId
from bot.services.ports import Clock, Leader, WebhookNotes, Webhooks

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
_RETRY_SECONDS = 2.0

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
        base_url: str,
        secrets: Mapping[BotId, str],
    ) -> None:
        self._telegram = telegram
        self._notes = notes
        self._leader = leader
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._secrets = secrets
        self._pending = set(secrets)

    @property
    def pending(self) -> frozenset[BotId]:
        """Bots whose webhook is not known to be right."""
        return frozenset(self._pending)

    async def check(self) -> None:
        """Raise NotReadyError while a webhook is not known to be right."""
        if self._pending:
            raise NotReadyError(f"{len(self._pending)} webhooks are not set yet")

    async def run(self) -> None:
        """Set what differs, then end."""
        while self._pending:
            for bot in sorted(self._pending):
                try:
                    async with self._leader.held(_PURPOSE, bot):
                        await self._set(bot)
                except (TelegramError, StoreUnavailableError) as error:
                    log.warning("webhook.not_set", bot=bot, error=str(error))
                else:
                    self._pending.discard(bot)
            if self._pending:
                await self._clock.sleep(_RETRY_SECONDS)

    async def _set(self, bot: BotId) -> None:
        url = f"{self._base_url}/telegram/{bot}"
        wanted = _fingerprint(url, self._secrets[bot])
        info = await self._telegram.webhook(bot)
        allowed = info.get("allowed_updates")
        kinds_fit = isinstance(allowed, list | tuple) and set(allowed) == set(ALLOWED_UPDATES)
        if info.get("url") == url and kinds_fit and await self._notes.webhook_set(bot) == wanted:
            return
        await self._telegram.set_webhook(
            bot, url, secret=self._secrets[bot], allowed=ALLOWED_UPDATES, connections=CONNECTIONS
        )
        await self._notes.note_webhook(bot, wanted)
        log.info("webhook.set", bot=bot, url=url)


def _fingerprint(url: str, secret: str) -> str:
    return hashlib.sha256("\n".join((url, secret, str(CONNECTIONS), *ALLOWED_UPDATES)).encode()).hexdigest()

"""Instances and bots, as rows of PostgreSQL."""

import asyncio
import socket
from collections.abc import Sequence
from uuid import uuid4

from bot.core.crypto import Vault
from bot.core.database import Database
from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, InstanceId

_LEAVE_SECONDS = 1.0


class Heartbeat:
    """Tells the other instances that this one lives. One that is silent for 2 s counts as dead."""

    def __init__(self, *, database: Database, version: str) -> None:
        self._database = database
        self._version = version
        self._instance = InstanceId(uuid4())
        self._live = 1

    @property
    def instance_id(self) -> InstanceId:
        """A new one for each process: after a restart the old one's claims are free."""
        return self._instance

    async def beat(self) -> None:
        """Say that this instance lives, and count those that do."""
        row = await self._database.row("beat", self._instance, socket.gethostname(), self._version)
        self._live = 1 if row is None else 1 + int(row["others"])

    def live(self) -> int:
        """Return how many instances lived at the last beat, this one among them."""
        return self._live

    async def leave(self) -> None:
        """Say that this instance ends; its claims are free at once. A second is all that the end waits for it."""
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._database.execute("leave", self._instance)
        except TimeoutError as error:
            raise StoreUnavailableError("no answer at the end") from error

    async def forget(self) -> None:
        """Drop instances that died a day ago."""
        await self._database.execute("forget_instances")


class BotStore:
    """The hosted bots. Tokens are encrypted before they leave the process."""

    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def put(self, bot: BotId, username: str, token: str) -> None:
        """Add a bot or renew its token."""
        await self._database.execute("put_bot", bot, username, self._vault.seal(token))

    async def enabled(self) -> Sequence[tuple[BotId, str, str]]:
        """Return (id, username, token) of the bots to run. Raises SettingsError when the key does not fit."""
        rows = await self._database.rows("enabled_bots")
        return [(BotId(row["bot_id"]), row["username"], self._vault.open(row["token_encrypted"])) for row in rows]

    async def webhook_set(self, bot: BotId) -> str | None:
        """Return the fingerprint of the webhook that was set last."""
        row = await self._database.row("webhook_set", bot)
        return None if row is None else row["webhook_set"]

    async def note_webhook(self, bot: BotId, fingerprint: str) -> None:
        """Remember what was set."""
        await self._database.execute("note_webhook", bot, fingerprint)

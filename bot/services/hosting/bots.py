"""What operators do with the hosted bots. A command, a console and an API all call these."""

from collections.abc import Callable, Sequence

from bot.domain.errors import GivenSecretError, InvalidInputError, NotHostedError, StillHeldError
from bot.domain.hosting import BOT_DISABLED, BotIdentity, BotSummary, bot_id_of, checked_name
from bot.domain.ids import BotId
from bot.domain.operator import By
from bot.domain.secret import Secret
from bot.services.ports.hosting import BotBook, TokenDesk
from bot.services.ports.runtime import Clock, Poke

_LOOK_SECONDS = 0.5

Progress = Callable[[int], None]
"""Hears how many people are still held."""


class Hosting:
    """Adds, stops, rotates and removes bots; instances hear of it within two seconds."""

    def __init__(self, *, book: BotBook, desk: TokenDesk, clock: Clock, poke: Poke, own_secrets: bool) -> None:
        self._book = book
        self._desk = desk
        self._clock = clock
        self._poke = poke
        self._own_secrets = own_secrets

    async def bots(self) -> Sequence[BotSummary]:
        """Return all bots."""
        return await self._book.summaries()

    async def find(self, reference: str) -> BotSummary:
        """Return the bot of this id, name or username. Raises NotHostedError."""
        wanted = reference.removeprefix("@").lower()
        bots = await self._book.summaries()
        for bot in bots:
            if wanted in {str(bot.bot_id), bot.name.lower(), bot.username.lower()}:
                return bot
        there = ", ".join(bot.name for bot in bots) or "none yet"
        raise NotHostedError(f"there is no bot {reference!r}; the hosted bots: {there}")

    async def add(self, token: Secret, *, name: str | None, by: By) -> BotSummary:
        """Host the bot of this token. Raises InvalidInputError, AlreadyHostedError and what Telegram's side raises."""
        if name is not None:
            checked_name(name)
        identity = await self._identity(token)
        await self._book.add(identity, token, name, by)
        await self._poke()
        return await self.find(str(identity.bot_id))

    async def rotate_token(self, bot: BotId, token: Secret, *, by: By) -> None:
        """Use another token of the same bot."""
        if bot_id_of(token) != bot:
            raise InvalidInputError("token", f"this token is another bot's: {bot_id_of(token)}, not {bot}")
        await self._book.change_token(await self._identity(token), token, by)
        await self._poke()

    async def rotate_secret(self, bot: BotId, *, by: By) -> None:
        """Give the webhook another secret. Raises GivenSecretError while a setting names one for all bots."""
        if not self._own_secrets:
            raise GivenSecretError("WEBHOOK_SECRET is set and counts for all bots; change it there, or unset it")
        await self._book.change_secret(bot, by)
        await self._poke()

    async def enable(self, bot: BotId, *, by: By) -> None:
        """Serve the bot, and gate where it gated."""
        await self._book.resume_groups(bot, BOT_DISABLED)
        await self._book.switch(bot, enabled=True, by=by)
        await self._poke()

    async def disable(self, bot: BotId, *, by: By, wait: float, progress: Progress) -> None:
        """Free everybody the bot muted, then stop it. With `wait` 0 it is stopped at once, whoever is muted.

        Raises StillHeldError when people are still muted after `wait` seconds: the bot goes on freeing them, and
        gates nobody any more.
        """
        if wait:
            await self._book.pause_groups(bot, BOT_DISABLED)
            await self._poke()
            await self._freed(bot, wait, progress)
        await self._book.switch(bot, enabled=False, by=by)
        await self._poke()

    async def remove(self, bot: BotId, *, by: By, wait: float, progress: Progress, abandon: bool) -> None:
        """Stop the bot, remove its webhook and forget it.

        Raises StillHeldError while people are muted, unless they are abandoned: only the bot itself can free them.
        """
        hosted = await self._book.hosted(bot)
        if hosted.at_work and hosted.refused_at is None and not abandon:
            await self.disable(bot, by=by, wait=wait, progress=progress)
        held = await self._book.held(bot)
        if held and not abandon:
            raise StillHeldError(
                held,
                f"{held} people are muted by this bot and nobody else can free them; enable it, so that it does, "
                "or abandon them",
            )
        await self._book.switch(bot, enabled=False, by=by)
        await self._poke()
        if hosted.token is not None:
            await self._desk.forget_webhook(hosted.token, f"/telegram/{bot}")
        await self._book.remove(bot, by)
        await self._poke()

    async def _identity(self, token: Secret) -> BotIdentity:
        wanted = bot_id_of(token)
        identity = await self._desk.identity(token)
        if identity.bot_id != wanted:
            raise InvalidInputError("token", "Telegram answers for another bot than the token names")
        return identity

    async def _freed(self, bot: BotId, wait: float, progress: Progress) -> None:
        deadline = self._clock.monotonic() + wait
        while held := await self._book.held(bot):
            progress(held)
            if self._clock.monotonic() >= deadline:
                raise StillHeldError(
                    held, f"{held} people are still muted; the bot goes on freeing them and gates nobody: try again"
                )
            await self._clock.sleep(_LOOK_SECONDS)
        progress(0)

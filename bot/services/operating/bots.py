"""What operators do with bots and with what was given up: by rank, and within the bots that exist for them."""

from collections.abc import Sequence

from bot.domain.delivery import Delivery, delivery_of
from bot.domain.errors import InvalidInputError, NotFoundError, NotHostedError
from bot.domain.hosting import BotSummary
from bot.domain.ids import BotId
from bot.domain.operator import Operator, Rank
from bot.domain.secret import Secret
from bot.services.hosting.bots import Hosting
from bot.services.ports.operating import LetterOwner, Notes, Replay
from bot.services.ports.telegram import Webhooks


class BotDesk:
    """Hosts bots for operators. Raises what `Hosting` raises, and NotAllowedError."""

    def __init__(self, *, hosting: Hosting, webhooks: Webhooks, base_url: str, wait_seconds: float) -> None:
        self._hosting = hosting
        self._webhooks = webhooks
        self._base_url = base_url.rstrip("/")
        self._wait = wait_seconds

    async def bots(self, who: Operator) -> Sequence[BotSummary]:
        """Return the bots that exist for them, by name."""
        who.need(Rank.VIEWER)
        return [bot for bot in await self._hosting.bots() if who.sees(bot.bot_id)]

    async def find(self, who: Operator, reference: str) -> BotSummary:
        """Return the bot of this id, name or username. Raises NotHostedError."""
        wanted = reference.removeprefix("@").lower()
        for bot in await self.bots(who):
            if wanted in {str(bot.bot_id), bot.name.lower(), bot.username.lower()}:
                return bot
        raise NotHostedError(f"there is no bot {reference}")

    async def delivery(self, who: Operator, bot: BotId) -> Delivery:
        """Ask Telegram how the bot's updates get here. Raises as `Webhooks` does."""
        who.need(Rank.VIEWER, bot)
        return delivery_of(await self._webhooks.webhook(bot), own=f"{self._base_url}/telegram/{bot}")

    async def add(self, who: Operator, token: str, *, name: str | None = None) -> BotSummary:
        """Host the bot of this token."""
        who.need_all(Rank.OWNER, "only an operator of the whole deployment adds bots")
        if not token.strip():
            raise InvalidInputError("token", "a bot's token is needed; @BotFather gives it")
        return await self._hosting.add(Secret(token.strip()), name=name or None, by=who.actor)

    async def enable(self, who: Operator, bot: BotId) -> None:
        """Serve the bot, and gate where it gated."""
        who.need(Rank.OWNER, bot)
        await self._hosting.enable(bot, by=who.actor)

    async def disable(self, who: Operator, bot: BotId, *, at_once: bool = False) -> None:
        """Free everybody the bot muted, then stop it; `at_once` stops it whoever is muted. Raises StillHeldError."""
        who.need(Rank.OWNER, bot)
        wait = 0.0 if at_once else self._wait
        await self._hosting.disable(bot, by=who.actor, wait=wait, progress=_nobody)

    async def rotate_secret(self, who: Operator, bot: BotId) -> None:
        """Give the webhook another secret."""
        who.need(Rank.OWNER, bot)
        await self._hosting.rotate_secret(bot, by=who.actor)

    async def rotate_token(self, who: Operator, bot: BotId, token: str) -> None:
        """Use another token of the same bot."""
        who.need(Rank.OWNER, bot)
        await self._hosting.rotate_token(bot, Secret(token.strip()), by=who.actor)

    async def remove(self, who: Operator, bot: BotId, *, abandon: bool = False) -> None:
        """Stop the bot and forget it. Raises StillHeldError while people are muted, unless they are abandoned."""
        who.need(Rank.OWNER, bot)
        await self._hosting.remove(bot, by=who.actor, wait=self._wait, progress=_nobody, abandon=abandon)


class LetterDesk:
    """Decides on what was given up. Raises InvalidInputError for a name that is none, NotFoundError."""

    def __init__(self, *, owner: LetterOwner, replay: Replay, drop: Replay, notes: Notes) -> None:
        self._owner = owner
        self._replay = replay
        self._drop = drop
        self._notes = notes

    async def replay(self, who: Operator, name: str) -> None:
        """Have an update or action tried again; an instance takes it up within seconds."""
        await self._decide(who, name, self._replay, "letter_replay")

    async def drop(self, who: Operator, name: str) -> None:
        """Give it up for good."""
        await self._decide(who, name, self._drop, "letter_drop")

    async def _decide(self, who: Operator, name: str, act: Replay, action: str) -> None:
        who.need(Rank.OPERATOR)
        try:
            bot = await self._owner(name)
        except ValueError as error:
            raise InvalidInputError("letter", "a letter is update/<bot>/<update> or action/<number>") from error
        # Whose it is says the letter itself: nobody decides on another's by naming a bot of their own.
        if bot is None or not who.sees(bot) or not await act(name):
            raise NotFoundError("there is no such letter")
        await self._notes.note(who.actor, bot, action, None, {"letter": name})


def _nobody(held: int) -> None:
    """Do nothing: nobody watches."""

"""What hosting many bots asks of the outside world."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.hosting import BotIdentity, BotSummary, HostedBot
from bot.domain.ids import BotId
from bot.domain.menu import Command
from bot.domain.operator import By
from bot.domain.secret import Secret


class WebhookNotes(Protocol):
    """What was set last: Telegram does not tell the secret back. Raises StoreUnavailableError."""

    async def webhook_set(self, bot: BotId) -> str | None: ...
    async def note_webhook(self, bot: BotId, fingerprint: str) -> None: ...
    async def drop_former_secret(self, bot: BotId) -> bool:
        """Accept only the new webhook secret from now on; False when that was so already."""
        ...


class BotRows(Protocol):
    """The hosted bots, as instances follow them. All methods raise StoreUnavailableError."""

    async def changed_since(self, seq: int) -> tuple[int, Sequence[HostedBot], frozenset[BotId] | None]:
        """Return the configuration counter, the bots changed after `seq`, and which there are; None: as before."""
        ...

    async def mark_refused(self, bot: BotId, seq: int) -> bool:
        """Note that Telegram refuses the token the bot had at `seq`; False when it was exchanged since."""
        ...

    async def clear_refused(self, bot: BotId) -> bool: ...
    async def renamed(self, bot: BotId, username: str) -> None: ...


class BotBook(Protocol):
    """The hosted bots, as operators change them. All methods raise StoreUnavailableError, most NotHostedError."""

    async def summaries(self) -> Sequence[BotSummary]: ...
    async def hosted(self, bot: BotId) -> HostedBot: ...
    async def add(self, identity: BotIdentity, token: Secret, name: str | None, by: By) -> None:
        """Host a bot. Raises AlreadyHostedError."""
        ...

    async def change_token(self, identity: BotIdentity, token: Secret, by: By) -> None: ...
    async def change_secret(self, bot: BotId, by: By) -> None: ...
    async def switch(self, bot: BotId, *, enabled: bool, by: By) -> None: ...
    async def pause_groups(self, bot: BotId, reason: str) -> None:
        """Stop gating in all groups of the bot and want everybody free that it muted."""
        ...

    async def resume_groups(self, bot: BotId, reason: str) -> None: ...
    async def held(self, bot: BotId) -> int:
        """Count the people who are muted by the bot, or may be."""
        ...

    async def remove(self, bot: BotId, by: By) -> None: ...


class TokenDesk(Protocol):
    """Asks Telegram about a token, outside of every budget."""

    async def identity(self, token: Secret) -> BotIdentity:
        """Ask whose the token is. Raises InvalidInputError, TelegramRefusedError or TelegramUnavailableError."""
        ...

    async def forget_webhook(self, token: Secret, path: str) -> bool:
        """Remove the webhook if its address ends in `path`."""
        ...


class Crew(Protocol):
    """What an instance does with the bots it hosts. Its methods are quick and raise nothing."""

    def take_on(self, bot: HostedBot) -> None:
        """Serve a bot from now on, or as it is now."""
        ...

    def let_go(self, bot: BotId) -> None:
        """Serve a bot no more."""
        ...


class Profile(Protocol):
    """Telegram's side of it; `language` is empty for everybody else's. Raises as TelegramModeration does."""

    async def set_commands(self, bot: BotId, scope: str, language: str, commands: Sequence[Command]) -> None: ...
    async def description(self, bot: BotId) -> str: ...
    async def describe(self, bot: BotId, language: str, *, long: str, short: str) -> None: ...
    async def set_rights(self, bot: BotId, rights: frozenset[str], *, for_channels: bool) -> None: ...


class MenuNotes(Protocol):
    """What was set last. Raises StoreUnavailableError."""

    async def menu_set(self, bot: BotId) -> str | None: ...
    async def note_menu(self, bot: BotId, fingerprint: str) -> None: ...

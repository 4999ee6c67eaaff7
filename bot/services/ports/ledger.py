"""What the services ask of the ledger: updates that came, and cases."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.ids import BotId, CaseId, ChannelId, EphemeralId, GroupId, MessageId, UpdateId, UserId
from bot.domain.intent import Intent, Receipt
from bot.domain.permissions import Prior
from bot.domain.restriction import Case, Done, Wanted
from bot.services.ports.prompts import PromptLedger


class Inbox(Protocol):
    """Which updates are done. All methods raise StoreUnavailableError."""

    async def claim(self, bot: BotId, update: UpdateId) -> Receipt | bool:
        """Claim an update. True: it is done already. False: another instance is at it."""
        ...

    async def settle(self, receipt: Receipt, intents: Sequence[Intent]) -> tuple[CaseId, ...]:
        """Commit intents and the done mark in one transaction; return the cases to look at.

        Raises ClaimLostError when the update is no longer ours; then nothing was committed.
        """
        ...

    async def release(self, receipt: Receipt, *, blameless: bool) -> None:
        """Give an update back for the next attempt; a blameless one does not count."""
        ...

    async def bury(self, receipt: Receipt, body: bytes, error: str) -> None:
        """Move an update that keeps failing to the dead letters and mark it done."""
        ...


class CaseReader(Protocol):
    """Which cases are open. All methods raise StoreUnavailableError."""

    async def of_user(self, bot: BotId, user: UserId, channel: ChannelId) -> Sequence[tuple[CaseId, GroupId]]:
        """Return the user's open cases in groups that require the channel."""
        ...

    async def open_case(self, bot: BotId, group: GroupId, user: UserId) -> CaseId | None: ...
    async def imposed(self, bot: BotId, group: GroupId, user: UserId, until: datetime) -> bool:
        """Whether a restriction with this end may be ours: of a case, or of a user of whom nothing is known."""
        ...

    async def prompt_stands(self, bot: BotId, group: GroupId, message: MessageId) -> bool:
        """Whether the message is the prompt of an open case, or may be one that is just being sent."""
        ...

    async def ephemeral_stands(self, bot: BotId, group: GroupId, user: UserId, message: EphemeralId) -> bool:
        """Tell the same of a prompt that only the user sees."""
        ...

    async def count_open(self, bot: BotId, group: GroupId) -> int: ...


class CaseLedger(CaseReader, PromptLedger, Protocol):
    """The restrictions. Only the lease holder writes what was done; all methods raise StoreUnavailableError."""

    async def lease(self, case_id: CaseId) -> Case | None:
        """Take the case for 3 s by the database's clock; None when another instance holds it or it is closed."""
        ...

    async def renew(self, case_id: CaseId) -> bool: ...

    async def give_back(self, case_id: CaseId) -> None:
        """End the lease in the middle of the work; another instance goes on at once."""
        ...

    async def due(self, limit: int, *, without: Collection[BotId] = ()) -> Sequence[tuple[BotId, CaseId]]:
        """Return open cases that wait for somebody and that nobody holds, but for those of some bots."""
        ...

    async def want(self, case: Case, wanted: Wanted) -> Case | None:
        """Change what is wanted, unless somebody else has; return the case as it is now, None without the lease."""
        ...

    async def did(self, case: Case, done: Done, *, missing: Sequence[ChannelId] = ()) -> Case | None:
        """Record a fact, and the channels that were missing.

        Not conditional on the version: what happened in Telegram has happened.
        """
        ...

    async def lifted(self, case: Case) -> Case | None:
        """Record that no mute of ours is in force; if the case changed meanwhile, one may be."""
        ...

    async def muting(self, case: Case, *, prior: Prior | None, until: datetime) -> Case | None:
        """Record, before the call, that the mute may be in force from now on; unless the case changed meanwhile.

        Raises NotReadyError when no mute may be imposed with this end yet.
        """
        ...

    async def deleted(self, case: Case, messages: Sequence[MessageId]) -> Case | None: ...

    async def kicking(self, case: Case) -> datetime | None:
        """Schedule, before the call, the end of the ban that is about to be imposed; None when the case changed."""
        ...

    async def rest(self, case: Case, *, wake_at: datetime | None) -> bool:
        """Put the case down until it changes or `wake_at`; False when it changed meanwhile."""
        ...

    async def close(self, case: Case, *, outcome: str) -> bool:
        """End the case unless it changed meanwhile."""
        ...

    async def postpone(self, case: Case, *, seconds: float) -> bool:
        """Give the case back after a failure, for another try later; False when it changed and is due at once."""
        ...

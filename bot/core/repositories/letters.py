"""Updates and actions that were given up, as rows of PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.postgres.database import Database
from bot.domain.ids import BotId, UpdateId
from bot.domain.intent import DeadCount, DeadUpdate

# What PostgreSQL keeps a number in.
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class UpdateName:
    """Which update a letter holds."""

    bot_id: BotId
    update_id: UpdateId

    def __str__(self) -> str:
        """Write it as the command line takes it."""
        return f"update/{self.bot_id}/{self.update_id}"


@dataclass(frozen=True, slots=True)
class ActionName:
    """Which scheduled action is dead."""

    action_id: int

    def __str__(self) -> str:
        """Write it as the command line takes it."""
        return f"action/{self.action_id}"


Name = UpdateName | ActionName


@dataclass(frozen=True, slots=True)
class Letter:
    """What was given up, and why."""

    name: Name
    bot_id: BotId
    died_at: datetime
    error: str
    is_waiting: bool = False
    """An instance is to handle it once more."""
    body: bytes | None = None


def name_of(text: str) -> Name:
    """Read a letter's name. Raises ValueError."""
    match text.split("/"):
        case ["update", bot, update]:
            return UpdateName(BotId(_number(bot)), UpdateId(_number(update)))
        case ["action", action]:
            return ActionName(_number(action))
        case _:
            raise ValueError(f"{text!r} names no letter: update/<bot>/<update> or action/<number>")


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"{text!r} is no number of a letter")
    return number


class LetterStore:
    """The dead letters of all bots."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def all(self, bot: BotId | None = None) -> list[Letter]:
        """Return every letter, of one bot or of all, without bodies."""
        updates = [
            Letter(
                UpdateName(BotId(row["bot_id"]), UpdateId(row["update_id"])),
                BotId(row["bot_id"]),
                row["died_at"],
                row["error"],
                row["replay_at"] is not None,
            )
            for row in await self._database.rows("letters", bot)
        ]
        actions = [
            Letter(
                ActionName(row["action_id"]),
                BotId(row["bot_id"]),
                row["dead_at"],
                f"{row['kind']} {row['message_id']} in {row['chat_id']}: {row['last_error']}",
            )
            for row in await self._database.rows("dead_actions", bot)
        ]
        return sorted(updates + actions, key=lambda letter: letter.died_at)

    async def one(self, name: Name) -> Letter | None:
        """Return one letter, an update with its body."""
        letter = next((each for each in await self.all() if each.name == name), None)
        if letter is None or isinstance(name, ActionName):
            return letter
        row = await self._database.row("letter", name.bot_id, name.update_id)
        body = None if row is None else bytes(row["body"])
        return Letter(name, letter.bot_id, letter.died_at, letter.error, letter.is_waiting, body)

    async def owner(self, name: Name) -> BotId | None:
        """Return whose the letter of this name is, or would be; None when there is no such action."""
        if isinstance(name, UpdateName):
            return name.bot_id
        row = await self._database.row("bot_of_action", name.action_id)
        return None if row is None else BotId(row["bot_id"])

    async def replay(self, name: Name) -> bool:
        """Have it tried again; False when there is no such letter."""
        if isinstance(name, ActionName):
            return await self._database.row("replay_action", name.action_id) is not None
        return await self._database.row("replay_letter", name.bot_id, name.update_id) is not None

    async def drop(self, name: Name) -> bool:
        """Give it up for good; False when there is no such letter."""
        if isinstance(name, ActionName):
            return await self._database.row("drop_action", name.action_id) is not None
        return await self._database.row("drop_letter", name.bot_id, name.update_id) is not None

    async def waiting(self, bots: Sequence[BotId], limit: int) -> Sequence[DeadUpdate]:
        """Return updates of these bots that are to be handled once more."""
        rows = await self._database.rows("letters_to_replay", list(bots), limit)
        return [DeadUpdate(BotId(row["bot_id"]), UpdateId(row["update_id"]), bytes(row["body"])) for row in rows]

    async def replayed(self, letter: DeadUpdate) -> None:
        """Strike a letter off, unless its update was buried again."""
        await self._database.execute("letter_replayed", letter.bot_id, letter.update_id)

    async def count(self) -> DeadCount:
        """Count what waits for a person's decision."""
        row = await self._database.row("count_dead")
        return DeadCount(0, 0) if row is None else DeadCount(row["letters"], row["actions"])

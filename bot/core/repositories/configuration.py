"""What all changes of the configuration have in common: their order, and a line in the audit."""

from collections.abc import Mapping

from bot.core.postgres.database import Session
from bot.domain.ids import BotId
from bot.domain.operator import By, actor_of


async def next_seq(session: Session) -> int:
    """Begin a change: the counter's lock makes such transactions serial. Instances poll the counter."""
    row = await session.row("bump_config")
    if row is None:
        raise LookupError("config_counter has lost its row")
    return int(row["seq"])


async def current_seq(session: Session) -> int:
    """Return the number of the last change."""
    row = await session.row("config_seq")
    if row is None:
        raise LookupError("config_counter has lost its row")
    return int(row["seq"])


async def audit(
    session: Session, bot: BotId, by: By, action: str, chat: int | None, detail: Mapping[str, object]
) -> None:
    """Note who changed what, in the transaction of the change."""
    who = actor_of(by)
    await session.execute("audit", bot, who.user_id, action, chat, detail, who.source.value)

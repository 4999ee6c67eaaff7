"""Groups that are being set up, as rows of PostgreSQL: a press finds its group after any restart."""

from bot.core.postgres.database import Database, Record
from bot.domain.group import ChatInfo, SetUp
from bot.domain.ids import BotId, ChannelId, GroupId, UserId


class SetUpStore:
    """Remembers for two days which group an admin sets up in private."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def open(self, bot: BotId, user: UserId, group: ChatInfo, before: tuple[ChannelId, ...]) -> SetUp:
        """Begin; `before` are the channels required so far."""
        basic = group.kind == "group"
        row = await self._database.row(
            "open_set_up", bot, user, group.chat_id, group.title, group.username, basic, list(before)
        )
        if row is None:
            raise AssertionError("INSERT ... RETURNING returned nothing")
        return _set_up(row)

    async def get(self, bot: BotId, user: UserId, number: int) -> SetUp | None:
        """Return one that this user began."""
        row = await self._database.row("get_set_up", bot, user, number)
        return None if row is None else _set_up(row)

    async def latest(self, bot: BotId, user: UserId) -> SetUp | None:
        """Return what the user began last, within the hour."""
        row = await self._database.row("latest_set_up", bot, user)
        return None if row is None else _set_up(row)

    async def pick(self, number: int, channel: ChannelId) -> bool:
        """Note the channel; False when it is noted already."""
        return await self._database.row("pick_channel", number, channel) is not None

    async def forget(self) -> None:
        """Drop what is two days old."""
        await self._database.execute("forget_set_ups")


def _set_up(row: Record) -> SetUp:
    return SetUp(
        set_up_id=row["set_up_id"],
        bot_id=BotId(row["bot_id"]),
        user_id=UserId(row["user_id"]),
        group_id=GroupId(row["group_id"]),
        title=row["title"],
        username=row["username"],
        basic_group=row["basic_group"],
        before=tuple(ChannelId(channel) for channel in row["before"]),
        picked=None if row["picked"] is None else ChannelId(row["picked"]),
    )

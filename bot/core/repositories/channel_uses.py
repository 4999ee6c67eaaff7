"""Channels and what their owners say of the groups that require them, as rows of PostgreSQL."""

from collections.abc import Sequence

from bot.core.postgres.database import Database, Session
from bot.core.repositories.configuration import audit
from bot.core.repositories.groups import Turn, open_group, touch_group, want_all
from bot.domain.consent import Answer, OwnChannel, Stopped, Terms, Use
from bot.domain.event import Cause
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.restriction import Wanted


class PostgresChannels:
    """Reads and writes who may require which channel. Each change waits for its `turn`, if there is one."""

    def __init__(self, *, database: Database, turn: Turn | None = None) -> None:
        self._database = database
        self._turn = turn

    async def terms(self, bot: BotId, channel: ChannelId, group: GroupId) -> Terms:
        """Return how the channel stands to the group."""
        row = await self._database.row("channel_terms", bot, channel, group)
        if row is None:
            return Terms()
        contact = None if row["contact"] is None else UserId(row["contact"])
        return Terms(row["consent"], contact, Answer(row["answer"] or "none"), row["invite_link"])

    async def known_to(self, bot: BotId, user: UserId, limit: int) -> Sequence[tuple[ChannelId, str]]:
        """Return channels that somebody gave to the bot, or set up a group with."""
        rows = await self._database.rows("channels_known_to", bot, user, limit)
        return [(ChannelId(row["channel_id"]), row["title"]) for row in rows]

    async def card(self, bot: BotId, channel: ChannelId, limit: int) -> OwnChannel | None:
        """Return a channel with the groups that have to do with it, those that wait first."""
        row = await self._database.row("own_channel", bot, channel)
        if row is None:
            return None
        rows = await self._database.rows("uses_of_channel", bot, channel, limit)
        uses = tuple(
            Use(GroupId(each["group_id"]), each["title"], Answer(each["answer"]), each["in_use"], each["joins"])
            for each in rows
        )
        return OwnChannel(ChannelId(row["channel_id"]), row["title"], row["consent"], uses)

    async def given(self, bot: BotId, channel: ChannelId, title: str, username: str | None, by: UserId) -> None:
        """Note who made the bot an admin of a channel."""
        await self._database.execute("give_channel", bot, channel, title, username, by)

    async def set_consent(self, bot: BotId, channel: ChannelId, by: UserId, *, consent: bool) -> None:
        """Choose whether new groups have to ask first."""
        await self._wait(bot)
        async with self._database.transaction() as session:
            await session.execute("set_consent", bot, channel, consent, by)
            await audit(session, bot, by, "set_consent", channel, {"to": consent})

    async def answer(
        self, bot: BotId, channel: ChannelId, group: GroupId, title: str, answer: Answer, by: UserId
    ) -> Stopped | None:
        """Note an answer. A veto ends the use in the same transaction, so that no set-up slips in behind it."""
        await self._wait(bot)
        async with self._database.transaction() as session:
            # The group's row comes before its cases.
            is_known = answer is Answer.VETOED and await touch_group(session, bot, group)
            await session.execute("answer_use", bot, channel, group, title, answer.value, by)
            await audit(session, bot, by, f"channel_{answer.value}", group, {"channel": channel})
            return await _stop(session, bot, channel, group) if is_known else None

    async def _wait(self, bot: BotId) -> None:
        if self._turn is not None:
            await self._turn(bot)


async def _stop(session: Session, bot: BotId, channel: ChannelId, group: GroupId) -> Stopped | None:
    """Take a channel from a group. Without any left, it is open to everybody."""
    if not await session.execute("unlink_channel", bot, group, channel):
        return None
    left = await session.row("channels_left", bot, group)
    if left is not None and left["left"]:
        return Stopped(await want_all(session, bot, group, Wanted.CHECK, Cause.PROTECT), is_open=False)
    return Stopped(await open_group(session, bot, group) or (), is_open=True)

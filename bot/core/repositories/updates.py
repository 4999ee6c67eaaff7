"""Which updates are done, and what they oblige us to: `updates_done`, `dead_letters` and the intents."""

from collections.abc import Sequence

import asyncpg

from bot.core.postgres.database import Database, Session
from bot.core.repositories.groups import touch_group
from bot.core.repositories.priors import prior_to_json
from bot.domain.errors import ClaimLostError, StoreUnavailableError
from bot.domain.event import Cause
from bot.domain.heartbeat import DEAD_AFTER
from bot.domain.ids import BotId, CaseId, InstanceId, UpdateId
from bot.domain.intent import (
    Arrived,
    Asked,
    AskedNoMore,
    Asks,
    AsksAgain,
    Brought,
    Echo,
    Intent,
    Moderated,
    Noted,
    Observe,
    OpenCase,
    Pardon,
    PromptSeen,
    Receipt,
    Regate,
    Remove,
    Want,
    WentAway,
)

Note = Noted | Pardon | Arrived | Observe | Remove | PromptSeen | Asked | AskedNoMore | Asks | AsksAgain | Brought
"""What is written down and concerns no case's course."""

_MOST_OWED = 10_000
_OWED_AT_ONCE = 20
# A thousand updates a second for the ten minutes between two sweeps.
_FORGET_AT_ONCE = 5_000
_FORGET_ROUNDS = 120


class UpdateStore:
    """The inbox of all instances."""

    def __init__(self, *, database: Database, instance: InstanceId) -> None:
        self._database = database
        self._instance = instance
        # Claims that nobody works on and that PostgreSQL may still hold as this instance's, with their discounts.
        self._owed: dict[tuple[BotId, UpdateId], int] = {}

    async def claim(self, bot: BotId, update: UpdateId) -> Receipt | bool:
        """Claim an update. True: it is done already. False: another instance is at it."""
        try:
            async with self._database.session() as session:
                await self._give_back_owed(session)
                row = await session.row("claim_update", bot, update, self._instance, DEAD_AFTER)
                if row is not None:
                    return Receipt(bot, update, self._instance, row["attempts"])
                held = await session.row("update_state", bot, update)
                return held is not None and held["state"] != "claimed"
        except StoreUnavailableError:
            # The answer may be lost, and not the claim.
            self._owe(bot, update, 1)
            raise

    async def settle(self, receipt: Receipt, intents: Sequence[Intent]) -> tuple[CaseId, ...]:
        """Commit intents and the done mark in one transaction; return the cases to look at."""
        cases: list[CaseId] = []
        async with self._database.transaction() as session:
            if not await session.execute("finish_update", receipt.bot_id, receipt.update_id, receipt.owner):
                raise ClaimLostError(f"update {receipt.update_id} is no longer ours")
            groups = [intent.group_id for intent in intents if isinstance(intent, OpenCase)]
            if groups and len(intents) > 1:
                await session.rows("share_groups", receipt.bot_id, groups)
            for intent in intents:
                cases.extend(CaseId(row["restriction_id"]) for row in await _apply(session, intent))
        return tuple(cases)

    async def release(self, receipt: Receipt, *, blameless: bool) -> None:
        """Give an update back for the next attempt; a blameless one does not count."""
        discount = 1 if blameless else 0
        try:
            await self._database.execute("release_update", receipt.bot_id, receipt.update_id, receipt.owner, discount)
        except StoreUnavailableError:
            self._owe(receipt.bot_id, receipt.update_id, discount)
            raise

    async def bury(self, receipt: Receipt, body: bytes, error: str) -> None:
        """Move an update that keeps failing to the dead letters and mark it done."""
        # An error may quote the update, and PostgreSQL's text holds neither NUL nor half a surrogate pair.
        reason = error.replace("\x00", "").encode(errors="replace").decode()
        await self._database.execute("bury_update", receipt.bot_id, receipt.update_id, receipt.owner, body, reason)

    def _owe(self, bot: BotId, update: UpdateId, discount: int) -> None:
        # Beyond the bound a claim has to become stale before somebody takes it over.
        if len(self._owed) < _MOST_OWED:
            self._owed[bot, update] = discount

    async def _give_back_owed(self, session: Session) -> None:
        """Let go of some claims that could not be released when their work ended: else they stay for half a minute."""
        for _ in range(_OWED_AT_ONCE):
            # Others give back at the same moment.
            if not self._owed:
                return
            (bot, update), discount = self._owed.popitem()
            try:
                await session.execute("release_update", bot, update, self._instance, discount)
            except BaseException:
                self._owe(bot, update, discount)
                raise

    async def forget(self) -> None:
        """Drop the marks of updates that Telegram cannot deliver again."""
        for _ in range(_FORGET_ROUNDS):
            if await self._database.execute("forget_updates", _FORGET_AT_ONCE) < _FORGET_AT_ONCE:
                return


async def _apply(session: Session, intent: Intent) -> list[asyncpg.Record]:
    match intent:
        case OpenCase():
            return await _open_case(session, intent)
        case Want(case_ids, wanted, cause):
            return await session.rows("want_cases", list(case_ids), wanted.value, cause.value)
        case Regate(bot_id, user_id, channel_id, user_name, language):
            opened = await session.rows("regate", bot_id, user_id, channel_id, user_name, language)
            ids = [row["restriction_id"] for row in opened]
            return opened + await session.rows("recheck_for_channel", bot_id, user_id, channel_id, ids)
        case Moderated() | WentAway() | Echo():
            return await _told(session, intent)
        case _:
            await _note(session, intent)
    return []


async def _told(session: Session, intent: Moderated | WentAway | Echo) -> list[asyncpg.Record]:
    """Take over what happened to a member who has a case."""
    match intent:
        case Moderated() | WentAway():
            return await _by_others(session, intent)
        case Echo(bot_id, group_id, user_id, until):
            again = await session.rows("echo_open", bot_id, group_id, user_id, until)
            return again or await session.rows("echo_orphan", bot_id, group_id, user_id, until)


async def _note(session: Session, intent: Note) -> None:
    """Write down what concerns no case."""
    match intent:
        case Noted(bot_id, group_id, user_id, kind, cause, channels):
            await session.execute("save_event", bot_id, group_id, user_id, kind, cause.value, list(channels))
        case Pardon(bot_id, group_id, user_id, until, by):
            if await session.rows("exempt_unmuted", bot_id, group_id, user_id, until, by):
                await touch_group(session, bot_id, group_id)
        case Arrived(bot_id, group_id, user_id):
            await session.execute("arrive", bot_id, group_id, user_id)
        case Observe(bot_id, group_id, user_id, user_name, cause, missing):
            who = (bot_id, group_id, user_id, user_name)
            await session.execute("observe", *who, cause.value, list(missing))
        case Asked() | AskedNoMore() | Asks() | AsksAgain():
            await _ask(session, intent)
        case Remove(bot_id, group_id, message_id):
            await session.execute("remove_message", bot_id, group_id, message_id)
        case Brought(bot_id, channel_id, _, invite_link):
            await session.execute("brought", bot_id, channel_id, invite_link)
        case PromptSeen(bot_id, group_id, user_id, message_id):
            await session.execute("prompt_seen", bot_id, group_id, user_id, message_id)


async def _ask(session: Session, intent: Asked | AskedNoMore | Asks | AsksAgain) -> None:
    """Keep a request to join, or have all of somebody's looked at again."""
    match intent:
        case Asked(bot_id, user_id, channel_id):
            await session.execute("asked_channel", bot_id, user_id, channel_id)
        case AskedNoMore(bot_id, user_id, channel_id):
            await session.execute("channel_request_over", bot_id, user_id, channel_id)
        case Asks(bot_id, group_id, user_id, language):
            await session.execute("knock", bot_id, group_id, user_id, language)
        case AsksAgain(bot_id, user_id):
            await session.execute("knock_again", bot_id, user_id)


async def _open_case(session: Session, intent: OpenCase) -> list[asyncpg.Record]:
    await session.execute("see_member", intent.bot_id, intent.group_id, intent.user_id)
    return await session.rows(
        "open_case",
        intent.bot_id,
        intent.group_id,
        intent.user_id,
        intent.user_name,
        intent.language,
        intent.wanted.value,
        list(intent.delete_ids),
        intent.topic_id,
        intent.sent_at,
        (Cause.MESSAGE if intent.delete_ids else Cause.JOIN).value,
        list(intent.missing),
    )


async def _by_others(session: Session, intent: Moderated | WentAway) -> list[asyncpg.Record]:
    who = (intent.bot_id, intent.group_id, intent.user_id)
    if isinstance(intent, WentAway):
        return await session.rows("went_away", *who)
    if intent.prior is None:
        return await session.rows("moderated_free", *who, intent.banned)
    may_send = "can_send_messages" in intent.prior.permissions
    return await session.rows("moderated_restricted", *who, prior_to_json(intent.prior), may_send)

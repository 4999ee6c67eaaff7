"""The ledger of restrictions, as rows of PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from bot.core.postgres.database import Database, Record
from bot.core.repositories.case_copies import CaseCopies
from bot.core.repositories.priors import prior_from_json, prior_to_json
from bot.domain.crowd import Room
from bot.domain.errors import NotReadyError
from bot.domain.ids import (
    BotId,
    CaseId,
    ChannelId,
    EphemeralId,
    GroupId,
    InstanceId,
    MessageId,
    TopicId,
    UserId,
)
from bot.domain.permissions import Prior
from bot.domain.policy import Enforcement
from bot.domain.restriction import Case, Done, PromptState, Wanted


class CaseStore:
    """Leases cases to this instance and writes what its lease holder did."""

    def __init__(self, *, database: Database, instance: InstanceId, copies: CaseCopies) -> None:
        self._database = database
        self._instance = instance
        self._copies = copies

    async def lease(self, case_id: CaseId) -> Case | None:
        """Take the case for 3 s by the database's clock."""
        return await self._copied(await self._database.row("lease_case", case_id, self._instance))

    async def renew(self, case_id: CaseId) -> bool:
        """Hold the case for another 3 s."""
        return await self._database.row("renew_case", case_id, self._instance) is not None

    async def give_back(self, case_id: CaseId) -> None:
        """End the lease in the middle of the work."""
        await self._database.execute("give_back_case", case_id, self._instance)

    async def due(self, limit: int, *, without: Collection[BotId] = ()) -> Sequence[tuple[BotId, CaseId]]:
        """Return open cases that wait for somebody and that nobody holds, but for those of some bots."""
        rows = await self._database.rows("due_cases", limit, list(without))
        return [(BotId(row["bot_id"]), CaseId(row["restriction_id"])) for row in rows]

    async def want(self, case: Case, wanted: Wanted) -> Case | None:
        """Change what is wanted, unless somebody else has."""
        return _case(await self._database.row("want_case", case.case_id, self._instance, case.version, wanted.value))

    async def did(self, case: Case, done: Done, *, missing: Sequence[ChannelId] = ()) -> Case | None:
        """Record a fact, and why."""
        return await self._copied(
            await self._database.row("case_did", case.case_id, self._instance, done.value, list(missing))
        )

    async def lifted(self, case: Case) -> Case | None:
        """Record that no mute of ours is in force; if the case changed meanwhile, one may be."""
        return await self._copied(await self._database.row("case_lifted", case.case_id, self._instance, case.version))

    async def muting(self, case: Case, *, prior: Prior | None, until: datetime) -> Case | None:
        """Record that the mute may be in force from now on; unless the case changed meanwhile.

        Raises NotReadyError when the end served before and its copy cannot be renewed: whoever found the old copy would
        give back what no longer holds.
        """
        row = await self._database.row(
            "case_muting", case.case_id, self._instance, case.version, prior_to_json(prior), until
        )
        fresh = _case(row)
        if fresh is not None and not await self._copies.put(fresh) and case.our_until is not None:
            raise NotReadyError(f"Redis may have an old copy of case {case.case_id}")
        return fresh

    async def deleted(self, case: Case, messages: Sequence[MessageId]) -> Case | None:
        """Record that these messages are gone."""
        return _case(await self._database.row("case_deleted", case.case_id, self._instance, list(messages)))

    async def prompting(self, case: Case, *, room: Room, channels: Sequence[ChannelId]) -> Case | None:
        """Record that a prompt is being sent, or that the case shares the group's."""
        return await self._copied(
            await self._database.row(
                "case_prompting", case.case_id, self._instance, list(channels), room.places, room.gather_seconds
            )
        )

    async def prompted(
        self,
        case: Case,
        state: PromptState,
        *,
        message: MessageId | None = None,
        ephemeral: EphemeralId | None = None,
        channels: Sequence[ChannelId] = (),
    ) -> Case | None:
        """Record where the prompt is."""
        return await self._copied(
            await self._database.row(
                "case_prompted", case.case_id, self._instance, state.value, message, ephemeral, list(channels)
            )
        )

    async def kicking(self, case: Case) -> datetime | None:
        """Schedule the end of the ban that is about to be imposed; None when the case changed meanwhile."""
        row = await self._database.row("case_kicking", case.case_id, self._instance, case.version)
        return None if row is None else row["until"]

    async def rest(self, case: Case, *, wake_at: datetime | None) -> bool:
        """Put the case down until it changes or `wake_at`."""
        row = await self._database.row("rest_case", case.case_id, self._instance, case.version, wake_at)
        return row is not None

    async def close(self, case: Case, *, outcome: str) -> bool:
        """End the case unless it changed meanwhile, and note how it ended."""
        row = await self._database.row("close_case", case.case_id, self._instance, case.version, outcome)
        if row is not None:
            await self._copies.drop(case)
        return row is not None

    async def postpone(self, case: Case, *, seconds: float) -> bool:
        """Give the case back after a failure, for another try later; False when it changed and is due at once."""
        row = await self._database.row("postpone_case", case.case_id, self._instance, case.version, seconds)
        return row is None or row["version"] == case.version

    async def of_user(self, bot: BotId, user: UserId, channel: ChannelId) -> Sequence[tuple[CaseId, GroupId]]:
        """Return the user's open cases in groups that require the channel."""
        rows = await self._database.rows("cases_of_user", bot, user, channel)
        return [(CaseId(row["restriction_id"]), GroupId(row["group_id"])) for row in rows]

    async def open_case(self, bot: BotId, group: GroupId, user: UserId) -> CaseId | None:
        """Return the open case of a user in a group."""
        row = await self._database.row("open_case_of", bot, group, user)
        return None if row is None else CaseId(row["restriction_id"])

    async def imposed(self, bot: BotId, group: GroupId, user: UserId, until: datetime) -> bool:
        """Whether a restriction with this end may be ours: of a case, or of a user of whom nothing is known."""
        row = await self._database.row("restriction_is_ours", bot, group, user, until)
        return row is None or row["ours"] is not False

    async def prompt_stands(self, bot: BotId, group: GroupId, message: MessageId) -> bool:
        """Whether the message is the prompt of an open case, or may be one that is just being sent."""
        return await self._database.row("prompt_stands", bot, group, message) is not None

    async def ephemeral_stands(self, bot: BotId, group: GroupId, user: UserId, message: EphemeralId) -> bool:
        """Tell the same of a prompt that only the user sees."""
        return await self._database.row("ephemeral_prompt_stands", bot, group, user, message) is not None

    async def _copied(self, row: Record | None) -> Case | None:
        """Copy the row before anybody acts on it; without Redis there is no copy."""
        case = _case(row)
        if case is not None:
            await self._copies.put(case)
        return case

    async def count_open(self, bot: BotId, group: GroupId) -> int:
        """Count the members whom GMBot keeps from writing in a group."""
        row = await self._database.row("count_open_cases", bot, group)
        return 0 if row is None else int(row["count"])


def _case(row: asyncpg.Record | None) -> Case | None:
    if row is None:
        return None
    return Case(
        case_id=CaseId(row["restriction_id"]),
        bot_id=BotId(row["bot_id"]),
        group_id=GroupId(row["group_id"]),
        user_id=UserId(row["user_id"]),
        user_name=row["user_name"],
        language=row["language"],
        enforcement=Enforcement(row["enforcement"]),
        wanted=Wanted(row["wanted"]),
        done=Done(row["done"]),
        version=row["version"],
        attempts=row["attempts"],
        prior=prior_from_json(row["prior"]),
        our_until=row["our_until"],
        delete_ids=tuple(MessageId(message) for message in row["delete_ids"]),
        topic_id=None if row["topic_id"] is None else TopicId(row["topic_id"]),
        prompt_state=PromptState(row["prompt_state"]),
        prompt_message_id=None if row["prompt_message_id"] is None else MessageId(row["prompt_message_id"]),
        prompt_channels=tuple(ChannelId(channel) for channel in row["prompt_channels"]),
        opened_at=row["opened_at"],
        done_at=row["done_at"],
        prompt_sent_at=row["prompt_sent_at"],
        review_version=row["review_version"],
        configuration=row["configuration"],
        kick_from=row["kick_from"],
        prompt_ephemeral_id=None if row["prompt_ephemeral_id"] is None else EphemeralId(row["prompt_ephemeral_id"]),
        prompt_seen=row["prompt_seen"],
    )

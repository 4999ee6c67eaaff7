"""The tables beside the ledger, in memory: updates, groups, sightings, actions, and who leads."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from bot.domain.errors import ClaimLostError, GateTakenError, StoreUnavailableError
from bot.domain.group import Enforcement, GroupSetup, OnUnknown, ProtectedGroup
from bot.domain.ids import BotId, CaseId, GroupId, InstanceId, UpdateId, UserId
from bot.domain.intent import Deletion, Echo, Intent, Moderated, Noted, OpenCase, Receipt, Regate, Want, WentAway
from bot.domain.restriction import Done, PromptState, Wanted
from tests.fake_store import FakeStore, Mark


class FakeInbox:
    """Which updates are done, as one instance claims them."""

    def __init__(self, store: FakeStore, instance: InstanceId | None = None) -> None:
        self._store = store
        self._instance = instance or InstanceId(uuid4())
        store.alive.add(self._instance)

    async def claim(self, bot: BotId, update: UpdateId) -> Receipt | bool:
        await self._store.hook("claim")
        now = self._store.clock.now()
        mark = self._store.marks.setdefault((bot, update), Mark("claimed", None, 0, now))
        if mark.state != "claimed":
            return True
        silent = mark.owner not in self._store.alive
        if mark.attempts and not silent and mark.claimed_at >= now - timedelta(seconds=30):
            return False
        mark.owner, mark.attempts, mark.claimed_at = self._instance, mark.attempts + 1, now
        return Receipt(bot, update, self._instance, mark.attempts)

    async def settle(self, receipt: Receipt, intents: Sequence[Intent]) -> tuple[CaseId, ...]:
        await self._store.hook("settle")
        mark = self._mine(receipt)
        if mark is None:
            raise ClaimLostError(f"update {receipt.update_id} is no longer ours")
        mark.state = "done"
        return tuple(case for intent in intents for case in self._apply(intent))

    async def release(self, receipt: Receipt, *, blameless: bool) -> None:
        await self._store.hook("release")
        mark = self._mine(receipt)
        if mark is not None:
            mark.owner, mark.attempts = None, mark.attempts - (1 if blameless else 0)

    async def bury(self, receipt: Receipt, body: bytes, error: str) -> None:
        await self._store.hook("bury")
        mark = self._mine(receipt)
        if mark is not None:
            mark.state = "dead"
            self._store.dead_letters[receipt.bot_id, receipt.update_id] = (body, error)

    def _mine(self, receipt: Receipt) -> Mark | None:
        mark = self._store.marks.get((receipt.bot_id, receipt.update_id))
        return mark if mark is not None and (mark.state, mark.owner) == ("claimed", receipt.owner) else None

    def _apply(self, intent: Intent) -> list[CaseId]:
        match intent:
            case OpenCase():
                return self._store.open_case(intent)
            case Noted():
                self._store.notes.append(intent)
            case Want(case_ids, wanted, _):
                rows = [self._store.rows[case] for case in case_ids if case in self._store.rows]
                return [self._store.touch(row, wanted=wanted) for row in rows if not row.closed]
            case Regate():
                return self._store.regate(intent)
            case Moderated():
                return self._store.moderated(intent)
            case WentAway():
                self._store.went_away(intent)
            case Echo():
                return self._store.echo(intent)
        return []


class FakeGroups:
    """The configuration, and who was seen."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def put(self, group: ProtectedGroup) -> None:
        self._store.seq += 1
        self._store.groups[group.bot_id, group.group_id] = (self._store.seq, group)

    async def changed_since(self, seq: int) -> tuple[int, Sequence[ProtectedGroup]]:
        await self._store.hook("changed_since")
        return self._store.seq, [group for at, group in self._store.groups.values() if at > seq]

    async def protect(self, setup: GroupSetup) -> tuple[CaseId, ...]:
        await self._store.hook("protect")
        for (bot, group_id), (_, other) in self._store.groups.items():
            if group_id == setup.group_id and bot != setup.bot_id and other.protected:
                raise GateTakenError(f"group {setup.group_id} is guarded by another bot")
        known = self._get(setup.bot_id, setup.group_id)
        self.put(
            ProtectedGroup(
                bot_id=setup.bot_id,
                group_id=setup.group_id,
                title=setup.title,
                username=setup.username,
                channels=setup.channels,
                configured_by=setup.by,
                enforcement=setup.enforcement,
                on_unknown=OnUnknown.ALLOW if known is None else known.on_unknown,
                language=setup.language,
            )
        )
        return self._want_all(setup.bot_id, setup.group_id, Wanted.CHECK)

    async def unprotect(self, bot: BotId, group: GroupId, by: UserId) -> tuple[CaseId, ...] | None:
        await self._store.hook("unprotect")
        known = self._get(bot, group)
        if known is None or not known.protected:
            return None
        self._store.audit.append(("unprotect", group, by))
        self.put(replace(known, protected=False, paused_reason=None))
        return self._want_all(bot, group, Wanted.FREE)

    async def pause(self, bot: BotId, group: GroupId, reason: str, *, free: bool) -> tuple[CaseId, ...]:
        await self._store.hook("pause")
        known = self._get(bot, group)
        if known is None or not known.protected or known.paused_reason == reason:
            return ()
        self.put(replace(known, paused_reason=reason))
        return self._want_all(bot, group, Wanted.FREE) if free else ()

    async def resume(self, bot: BotId, group: GroupId) -> tuple[CaseId, ...]:
        await self._store.hook("resume")
        known = self._get(bot, group)
        if known is None or not known.protected or known.paused_reason is None:
            return ()
        self.put(replace(known, paused_reason=None))
        return self._want_all(bot, group, Wanted.CHECK)

    async def move(self, bot: BotId, old: GroupId, new: GroupId) -> tuple[CaseId, ...]:
        await self._store.hook("move")
        known = self._get(bot, old)
        if known is None:
            return ()
        if self._get(bot, new) is not None:
            self.put(replace(known, protected=False, paused_reason=None))
            for row in self._store.open_rows():
                if (row.case.bot_id, row.case.group_id) == (bot, old):
                    row.closed, row.outcome, row.lease_owner, row.lease_until = True, "moved", None, None
            return ()
        del self._store.groups[bot, old]
        self.put(replace(known, group_id=new, enforcement=Enforcement.MUTE, former_ids=frozenset({old})))
        return tuple(
            self._store.touch(
                row,
                group_id=new,
                enforcement=Enforcement.MUTE,
                wanted=Wanted.CHECK,
                done=Done.NOTHING,
                delete_ids=(),
                prompt_state=PromptState.NONE,
                prompt_message_id=None,
            )
            for row in self._store.open_rows()
            if (row.case.bot_id, row.case.group_id) == (bot, old)
        )

    async def set_on_unknown(self, bot: BotId, group: GroupId, on_unknown: OnUnknown, by: UserId) -> None:
        await self._store.hook("set_on_unknown")
        known = self._get(bot, group)
        if known is not None:
            self._store.audit.append(("set_on_unknown", group, by))
            self.put(replace(known, on_unknown=on_unknown))

    async def seen(self, sightings: Sequence[tuple[BotId, GroupId, UserId, datetime]]) -> None:
        await self._store.hook("seen")
        self._store.seen.update((bot, group, user) for bot, group, user, _ in sightings)

    def _get(self, bot: BotId, group: GroupId) -> ProtectedGroup | None:
        return self._store.groups.get((bot, group), (0, None))[1]

    def _want_all(self, bot: BotId, group: GroupId, wanted: Wanted) -> tuple[CaseId, ...]:
        return tuple(
            self._store.touch(row, wanted=wanted)
            for row in self._store.open_rows()
            if (row.case.bot_id, row.case.group_id) == (bot, group)
        )


class FakeActions:
    """Deletions that are due, and what became of them."""

    def __init__(self, *due: Deletion) -> None:
        self.waiting = list(due)
        self.finished: list[int] = []
        self.failures: list[tuple[int, str]] = []
        self.delays: list[tuple[int, float]] = []
        self.outages = 0

    async def take(self, limit: int) -> Sequence[Deletion]:
        if self.outages:
            self.outages -= 1
            raise StoreUnavailableError("away")
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    async def done(self, actions: Sequence[int]) -> None:
        self.finished.extend(actions)

    async def failed(self, actions: Sequence[int], error: str) -> None:
        self.failures.extend((action, error) for action in actions)

    async def wait(self, actions: Sequence[int], *, seconds: float) -> None:
        self.delays.extend((action, seconds) for action in actions)


class FakeLeader:
    """The only instance there is."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, int]] = []

    @asynccontextmanager
    async def held(self, purpose: int, subject: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        self.turns.append((purpose, subject))

        async def check() -> None:
            """Find nobody else."""

        yield check


class FakeNotes:
    """Which webhook was set last."""

    def __init__(self) -> None:
        self.notes: dict[BotId, str] = {}
        self.dropped: list[BotId] = []

    async def webhook_set(self, bot: BotId) -> str | None:
        return self.notes.get(bot)

    async def note_webhook(self, bot: BotId, fingerprint: str) -> None:
        self.notes[bot] = fingerprint

    async def drop_former_secret(self, bot: BotId) -> bool:
        self.dropped.append(bot)
        return True

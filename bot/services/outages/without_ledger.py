"""What can be done for an update while PostgreSQL is away: strangers' messages go, and who has joined is free."""

from collections.abc import Sequence
from contextlib import suppress

import structlog

from bot.domain.errors import TelegramError, TelegramRefusedError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, CaseId, GroupId, MessageId, UpdateId
from bot.domain.intent import (
    Arrived,
    Brought,
    Intent,
    KeptUpdate,
    Noted,
    Observe,
    OpenCase,
    PromptSeen,
    Remove,
    Want,
)
from bot.domain.membership import Allow, Missing, Verdict, judge
from bot.domain.permissions import restored
from bot.domain.policy import Enforcement, OnUnknown
from bot.domain.recent import Recent
from bot.domain.restriction import CaseCopy, Wanted, is_ours
from bot.services.groups.directory import Directory
from bot.services.membership.verification import Verification
from bot.services.outages.reminding import Reminding
from bot.services.ports.outages import Backlog, CaseCopies
from bot.services.ports.runtime import Clock, Journal
from bot.services.ports.telegram import TelegramModeration

# Telegram delivers again and again what waits; who is free already is not looked at each time.
_MOST_FREED = 10_000

log = structlog.stdlib.get_logger()


class WithoutLedger:
    """Acts where no intent has to be written down first: nobody is muted."""

    def __init__(
        self,
        *,
        directory: Directory,
        copies: CaseCopies,
        strangers: Backlog,
        verification: Verification,
        reminding: Reminding,
        telegram: TelegramModeration,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._directory = directory
        self._copies = copies
        self._strangers = strangers
        self._verification = verification
        self._reminding = reminding
        self._telegram = telegram
        self._clock = clock
        self._journal = journal
        self._freed: Recent[tuple[CaseId, int], None] = Recent(_MOST_FREED)

    async def settle(self, update: UpdateId, body: bytes, intents: Sequence[Intent]) -> bool:
        """Do what can be done at once; whether nothing is left that only the ledger could remember.

        Raises NotReadyError and TelegramUnavailableError where even that cannot be done.
        """
        done = True
        for intent in intents:
            match intent:
                case OpenCase():
                    done = await self._stop(intent, update, body) and done
                case Observe() | Arrived():
                    done = await self._keep(intent, update, body) and done
                case Brought(bot_id, channel_id, user_id):
                    counted = KeptUpdate(f"{bot_id}:{channel_id}:{user_id}:by", bot_id, update, body)
                    done = await self._strangers.keep(counted) and done
                case Remove(bot_id, group_id, message_id):
                    await self._delete(bot_id, group_id, [message_id])
                case Noted() | PromptSeen():
                    # It changes nothing for anybody: a prompt too many, at most.
                    pass
                case Want(case_ids):
                    for copy in await self._copies.find(case_ids):
                        await self._lift(copy)
                    # The case is still open, and there may be others without a copy.
                    done = False
                case _:
                    done = False
        return done

    async def _stop(self, intent: OpenCase, update: UpdateId, body: bytes) -> bool:
        """Remove a stranger's message, after a second absence; have them looked at when PostgreSQL is back.

        They are told what to join.
        """
        group = self._gating(intent)
        if group is None or intent.enforcement is Enforcement.OBSERVE:
            return group is None or await self._keep(intent, update, body)
        if group.policy.spares_some:
            # Whom, is in PostgreSQL.
            return False
        # Behind a check that was too slow there is no first absence yet.
        for _ in range(2 if intent.wanted is Wanted.CHECK else 1):
            verdict = await self._examine(intent, group)
            if not isinstance(verdict, Missing):
                return isinstance(verdict, Allow) or _passes(intent, group)
        if (await self._telegram.member_state(intent.bot_id, intent.group_id, intent.user_id)).is_admin:
            return True
        kept = await self._keep(intent, update, body)
        if kept and intent.delete_ids and await self._delete(intent.bot_id, intent.group_id, intent.delete_ids):
            await self._reminding.say(intent, group)
        return kept

    async def _keep(self, intent: OpenCase | Observe | Arrived, update: UpdateId, body: bytes) -> bool:
        """Have somebody looked at when PostgreSQL is back: once, for what else they write is gone by then."""
        kind = "in" if isinstance(intent, Arrived) else "at"
        key = f"{intent.bot_id}:{intent.group_id}:{intent.user_id}:{kind}"
        return await self._strangers.keep(KeptUpdate(key, intent.bot_id, update, body))

    async def _delete(self, bot: BotId, group: GroupId, messages: Sequence[MessageId]) -> bool:
        """Delete messages; whether Telegram has done it."""
        try:
            await self._telegram.delete_messages(bot, group, messages)
        except TelegramRefusedError as error:
            log.info("outage.delete_refused", group=group, description=error.description)
            return False
        self._journal.effect("delete_without_ledger", "done")
        return True

    async def _lift(self, copy: CaseCopy) -> None:
        """Give back what was there before, when the mute in force is this case's and every channel is joined."""
        key = (copy.case_id, copy.version)
        if key in self._freed:
            return
        group = self._gating(copy)
        if group is not None and not isinstance(await self._examine(copy, group), Allow):
            return
        if not is_ours(await self._telegram.member_state(copy.bot_id, copy.group_id, copy.user_id), copy.our_until):
            return
        prior = restored(copy.prior, self._clock.now())
        await self._telegram.put_back(copy.bot_id, copy.group_id, copy.user_id, prior)
        self._journal.effect("lift_without_ledger", "done")
        log.info("outage.lifted", case=copy.case_id, group=copy.group_id, user=copy.user_id)
        self._freed[key] = None
        if copy.prompt_message_id is not None:
            with suppress(TelegramError):
                await self._telegram.delete_messages(copy.bot_id, copy.group_id, [copy.prompt_message_id])

    def _gating(self, who: OpenCase | CaseCopy) -> ProtectedGroup | None:
        group = self._directory.group(who.bot_id, who.group_id)
        return group if group is not None and group.gating else None

    async def _examine(self, who: OpenCase | CaseCopy, group: ProtectedGroup) -> Verdict:
        standing = await self._verification.examine(who.bot_id, who.user_id, group.channel_ids)
        return judge(standing, group.policy.require)


def _passes(intent: OpenCase, group: ProtectedGroup) -> bool:
    """Whether the group lets a message stay whose author cannot be checked; one absence of two is not enough."""
    return intent.wanted is Wanted.MUTE or group.on_unknown is OnUnknown.ALLOW

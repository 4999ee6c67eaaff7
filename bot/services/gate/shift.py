"""One lease holder's work on one case: step after step until it rests, is closed or must wait."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from bot.domain.errors import ChatMovedError, TelegramError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId
from bot.domain.membership import Allow, Doubt, Missing, Verdict
from bot.domain.message import Posted
from bot.domain.permissions import MemberState, Role, restored
from bot.domain.policy import OnUnknown, Spared
from bot.domain.restriction import (
    OBSERVED,
    Case,
    Done,
    Finding,
    Preparation,
    PromptState,
    Step,
    Wanted,
    end_of_mute,
    inspect,
    is_ours,
    kick_at,
    next_step,
    prepare,
    prior_of,
    prompt_ends_at,
)
from bot.services.gate.deletions import AT_ONCE, delete_all
from bot.services.gate.kicks import kick
from bot.services.gate.pauses import Respite, respite_after
from bot.services.gate.preparations import Preparations
from bot.services.gate.prompter import Prompter
from bot.services.gate.retiring import is_past_deleting
from bot.services.gate.sparing import Judgement
from bot.services.groups.directory import Directory
from bot.services.ports.ledger import CaseLedger
from bot.services.ports.runtime import Clock, Journal
from bot.services.ports.telegram import TelegramModeration

# A lease lasts 3 s. A call to Telegram takes at most 2 s and waits 0.4 s for its budget: it may be asked for while the
# lease is younger than this.
_LEASE_YOUNG_SECONDS = 0.5
# The second question is asked again after 1, 2 and 4 s; then the case ends with nobody muted.
_DOUBTS = 3
# A review that gets no answer for a minute leaves everything as it is: others wait for their turn.
_REVIEW_ATTEMPTS = 6
_FREED = "freed"

Follow = Callable[[BotId, GroupId, GroupId], Awaitable[None]]
"""Moves everything a group has to its new id."""

log = structlog.stdlib.get_logger()


class Shift:
    """Performs steps. After each, the case is what the ledger says it is now; None ends the shift."""

    def __init__(
        self,
        *,
        ledger: CaseLedger,
        telegram: TelegramModeration,
        judgement: Judgement,
        directory: Directory,
        prompter: Prompter,
        preparations: Preparations,
        follow: Follow,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._case: Case | None = None
        self._ledger = ledger
        self._telegram = telegram
        self._judgement = judgement
        self._directory = directory
        self._prompter = prompter
        self._preparations = preparations
        self._follow = follow
        self._clock = clock
        self._journal = journal
        self._leased_at = float("-inf")
        self._outcome = _FREED
        self._missing: tuple[ChannelId, ...] = ()
        self._spared: Spared | None = None
        self._respite: Respite | None = None

    async def run(self, case_id: CaseId) -> Respite | None:
        """Lease the case and work until all is done or the lease is lost; return for how long it was put off.

        Raises StoreUnavailableError and NotReadyError.
        """
        case = await self._lease(case_id)
        while case is not None:
            self._case = case
            # Whoever may write by the new settings is not judged by those this instance has heard of so far.
            await self._directory.reach(case.configuration)
            case = await self._perform(next_step(case), case)
        return self._respite

    @property
    def case(self) -> Case | None:
        """The case as the last step left it."""
        return self._case

    async def _perform(self, step: Step, case: Case) -> Case | None:
        steps: dict[Step, Callable[[Case], Awaitable[Case | None]]] = {
            Step.ASK: self._ask,
            Step.PREPARE: self._prepare,
            Step.MUTE: self._mute,
            Step.NOTICE: self._notice,
            Step.DELETE_MESSAGES: self._delete_messages,
            Step.PROMPT: self._prompt,
            Step.REST: self._rest,
            Step.OBSERVE: partial(self._close, outcome=OBSERVED),
            Step.LIFT: self._lift,
            Step.DELETE_PROMPT: self._delete_prompt,
            Step.CLOSE: self._close_with_outcome,
        }
        try:
            return await steps[step](case)
        except TelegramError as error:
            if isinstance(error, ChatMovedError):
                # The service message that says so may be lost; the refusal says it just as well.
                await self._follow(case.bot_id, case.group_id, GroupId(error.new_id))
            await self._put_off(case, step, error, respite_after(case, error))
        return None

    async def _put_off(self, case: Case, step: Step, error: TelegramError, respite: Respite) -> None:
        self._journal.effect(step.value, "refused" if isinstance(error, TelegramRefusedError) else "unavailable")
        log.warning("case.postponed", case=case.case_id, step=step.value, error=str(error), seconds=respite.seconds)
        if await self._ledger.postpone(case, seconds=respite.seconds):
            self._respite = respite

    async def _rest(self, case: Case) -> Case | None:
        group = self._group(case)
        stale = self._missing and set(self._missing) != set(case.prompt_channels) and not case.shares_prompt
        if case.prompt_state is PromptState.SENT and stale and group is not None and await self._hold(case):
            await self._prompter.update(case, group, self._missing)
            posted = Posted(case.prompt_message_id, case.prompt_ephemeral_id)
            return await self._noted(case, PromptState.SENT, posted, self._missing)
        ends_at, kicked_at = prompt_ends_at(case), kick_at(case, group.policy) if group is not None else None
        if ends_at is not None and ends_at <= self._clock.now():
            # While Telegram still deletes it, or as nobody took notice; another follows for whoever is still there.
            return await self._delete_prompt(case)
        if kicked_at is not None and kicked_at <= self._clock.now():
            return await self._kick(case)
        return await self._sleep(case, min(filter(None, (ends_at, kicked_at)), default=None))

    async def _sleep(self, case: Case, wake_at: datetime | None) -> Case | None:
        return None if await self._ledger.rest(case, wake_at=wake_at) else await self._lease(case.case_id)

    async def _kick(self, case: Case) -> Case | None:
        """Remove somebody whose time is over, after another absence asked of Telegram."""
        verdict = await self._examine(case, patiently=True)
        if isinstance(verdict, Allow):
            return await self._ledger.want(case, Wanted.FREE)
        if isinstance(verdict, Doubt):
            raise TelegramUnavailableError(method="getChatMember", description="membership is unknown")
        if await kick(case, ledger=self._ledger, telegram=self._telegram, hold=self._hold):
            self._journal.effect("kick", "done")
            self._outcome = "kicked"
            return await self._ledger.want(case, Wanted.FREE)
        # Gone, or somebody else's business by now.
        return await self._sleep(case, prompt_ends_at(case))

    async def _close_with_outcome(self, case: Case) -> Case | None:
        nothing_to_free = self._outcome == _FREED and case.done is Done.NOTHING
        return await self._close(case, "passed" if nothing_to_free else self._outcome)

    async def _ask(self, case: Case) -> Case | None:
        waits = case.done in {Done.MUTING, Done.MUTED, Done.NOTICED} and not case.under_review
        match await self._examine(case, patiently=waits):
            case Allow():
                if self._spared is not None and self._spared.until is not None and case.done is Done.NOTHING:
                    return await self._wait_out(case, self._spared.until)
                if case.under_review:
                    self._reconciled(case, "joined")
                return await self._ledger.want(case, Wanted.FREE)
            case Missing():
                return await (self._compare(case) if case.under_review else self._ledger.want(case, Wanted.MUTE))
            case Doubt():
                return await self._doubt(case)

    async def _wait_out(self, case: Case, until: datetime) -> Case | None:
        """Let somebody write until then, and look again."""
        fresh = await self._ledger.deleted(case, case.delete_ids) if case.delete_ids else case
        return None if fresh is None else await self._sleep(fresh, until)

    async def _doubt(self, case: Case) -> Case | None:
        """Nobody is muted on a doubt, and nobody who is muted is freed on one: the question is asked again."""
        if case.done in {Done.MUTING, Done.MUTED, Done.NOTICED}:
            if case.under_review and case.attempts >= _REVIEW_ATTEMPTS:
                return await self._ledger.want(case, Wanted.MUTE)
            raise TelegramUnavailableError(method="getChatMember", description="membership is unknown")
        group = self._group(case)
        if group is not None and group.on_unknown is OnUnknown.HOLD and case.delete_ids:
            if not await delete_all(self._telegram, case, case.delete_ids, self._hold):
                return None
            await self._prompter.say_held(case, group)
            return await self._close(case, "held")
        return await self._close(case, "unknown")

    async def _compare(self, case: Case) -> Case | None:
        """Look whether what was done still stands: while GMBot was away, moderators and members were not."""
        try:
            state = await self._state(case)
        except ChatMovedError:
            raise
        except TelegramError as error:
            if isinstance(error, TelegramUnavailableError) and case.attempts < _REVIEW_ATTEMPTS:
                raise
            return await self._ledger.want(case, Wanted.MUTE)
        match inspect(state, case):
            case Finding.OVERRULED:
                self._reconciled(case, "overruled")
                return await self._ledger.want(case, Wanted.FREE)
            case Finding.LOOSENED:
                self._reconciled(case, "loosened")
                return await self._ledger.did(case, Done.MUTING)
            case Finding.AWAY if case.prompt_state is PromptState.SENT:
                self._reconciled(case, "left")
                return await self._delete_prompt(case)
        return await self._ledger.want(case, Wanted.MUTE)

    def _reconciled(self, case: Case, difference: str) -> None:
        self._journal.reconciled(difference)
        log.info("case.reconciled", case=case.case_id, difference=difference)

    async def _prepare(self, case: Case) -> Case | None:
        state = await self._state(case)
        if not case.delete_ids and (state.role is Role.LEFT or not state.is_member):
            return await self._close(case, "not_there")
        match prepare(state, case):
            case Preparation.GO:
                until = end_of_mute(case, self._clock.now())
                fresh = await self._ledger.muting(case, prior=prior_of(state, case), until=until)
                return self._preparations.noted(case, fresh)
            case Preparation.EXEMPT:
                return await self._close(case, "exempt")
            case Preparation.SILENT_ALREADY:
                return await self._close(case, "silent_already")

    async def _mute(self, case: Case) -> Case | None:
        """Impose the mute, after a second absence asked of Telegram now that the intent is committed."""
        verdict = await self._examine(case, patiently=True)
        if isinstance(verdict, Doubt) and case.attempts < _DOUBTS:
            raise TelegramUnavailableError(method="getChatMember", description="membership is unknown")
        if not isinstance(verdict, Missing):
            self._outcome = "passed" if isinstance(verdict, Allow) else "unknown"
            return await self._ledger.want(case, Wanted.FREE)
        if not self._preparations.hold(case):
            return await self._mute_again(case)
        return await self._impose(case)

    async def _mute_again(self, case: Case) -> Case | None:
        """Somebody acted since the state was read, or a predecessor may have muted before it died: look first."""
        state = await self._state(case)
        if is_ours(state, case.our_until):
            return await self._ledger.did(case, Done.MUTED, missing=self._missing)
        if prepare(state, case) is not Preparation.GO:
            self._outcome = "exempt" if state.is_admin else "silent_already"
            return await self._ledger.want(case, Wanted.FREE)
        until = end_of_mute(case, self._clock.now())
        fresh = await self._ledger.muting(case, prior=state.restriction, until=until)
        return self._preparations.noted(case, fresh)

    async def _impose(self, case: Case) -> Case | None:
        if case.our_until is None:
            return await self._ledger.want(case, Wanted.CHECK)
        if not await self._hold(case):
            return None
        try:
            with self._preparations.spent(case):
                await self._telegram.mute(case.bot_id, case.group_id, case.user_id, until=case.our_until)
        except ChatMovedError:
            raise
        except TelegramRefusedError as error:
            log.warning("case.mute_refused", case=case.case_id, description=error.description)
            self._journal.effect("mute", "refused")
            self._outcome = "refused"
            return await self._ledger.want(case, Wanted.FREE)
        self._journal.effect("mute", "done")
        log.info("case.muted", case=case.case_id, group=case.group_id, user=case.user_id)
        return await self._ledger.did(case, Done.MUTED, missing=self._missing)

    async def _notice(self, case: Case) -> Case | None:
        """Where nobody can be muted, only messages go; that too needs a second absence and no admin."""
        verdict = await self._examine(case, patiently=True)
        if not isinstance(verdict, Missing):
            self._outcome = "passed" if isinstance(verdict, Allow) else "unknown"
            return await self._ledger.want(case, Wanted.FREE)
        if (await self._state(case)).is_admin:
            return await self._close(case, "exempt")
        return await self._ledger.did(case, Done.NOTICED, missing=self._missing)

    async def _delete_messages(self, case: Case) -> Case | None:
        batch = case.delete_ids[:AT_ONCE]
        if not await delete_all(self._telegram, case, batch, self._hold):
            return None
        return await self._ledger.deleted(case, batch)

    async def _prompt(self, case: Case) -> Case | None:
        group = self._group(case)
        if group is None:
            return await self._ledger.want(case, Wanted.FREE)
        if not self._missing and isinstance(await self._examine(case), Allow):
            return await self._ledger.want(case, Wanted.FREE)
        if case.prompt_state is PromptState.GONE and not (await self._state(case)).is_member:
            # Nobody is there to read it; whoever comes back brings the case up again.
            return await self._rest(case)
        missing = self._missing or group.channel_ids
        sending = await self._ledger.prompting(case, room=self._prompter.room(case, group), channels=missing)
        if sending is None or next_step(sending) is not Step.PROMPT or not await self._hold(sending):
            return sending
        try:
            posted = await self._prompter.post(sending, group, missing)
        except ChatMovedError:
            raise
        except TelegramRefusedError as error:
            log.warning("case.prompt_refused", case=case.case_id, description=error.description)
            return await self._ledger.prompted(case, PromptState.FAILED)
        return await self._noted(case, PromptState.SENT if posted.stands else PromptState.GONE, posted, missing)

    async def _noted(self, case: Case, state: PromptState, posted: Posted, missing: Sequence[ChannelId]) -> Case | None:
        return await self._ledger.prompted(
            case, state, message=posted.message_id, ephemeral=posted.ephemeral_id, channels=missing
        )

    async def _lift(self, case: Case) -> Case | None:
        """Give back exactly what was there before, unless somebody else's restriction is in force by now."""
        state = await self._telegram.member_state(case.bot_id, case.group_id, case.user_id, urgent=True)
        ours = is_ours(state, case.our_until)
        if not ours and case.done is Done.MUTED and self._outcome == _FREED:
            self._outcome = "overruled"
        if not ours and (case.done is not Done.MUTED or state.role is not Role.MEMBER):
            return await self._ledger.lifted(case)
        if not await self._hold(case):
            return None
        # For a plain member this changes nothing; but what Telegram shows may be older than our mute, and a mute that
        # outlives its case is the worst thing that can happen here.
        prior = restored(case.prior, self._clock.now()) if ours else None
        await self._telegram.put_back(case.bot_id, case.group_id, case.user_id, prior)
        self._journal.effect("lift", "done" if ours else "made_sure")
        log.info("case.lifted", case=case.case_id, group=case.group_id, user=case.user_id)
        return await self._ledger.lifted(case)

    async def _delete_prompt(self, case: Case) -> Case | None:
        if is_past_deleting(case.prompt_sent_at, self._clock.now()) and await self._hold(case):
            await self._prompter.retire(case, self._directory.group(case.bot_id, case.group_id))
        elif case.prompt_message_id is not None:
            await delete_all(self._telegram, case, (case.prompt_message_id,), self._hold)
        elif case.prompt_ephemeral_id is not None and await self._hold(case):
            await self._prompter.take_back(case)
        return await self._ledger.prompted(case, PromptState.GONE, ephemeral=case.prompt_ephemeral_id)

    async def _close(self, case: Case, outcome: str) -> Case | None:
        if case.prompt_state is PromptState.SENT:
            self._outcome = outcome
            return await self._ledger.want(case, Wanted.FREE)
        if await self._ledger.close(case, outcome=outcome):
            self._journal.case_closed(outcome)
            log.info("case.closed", case=case.case_id, outcome=outcome)
            return None
        return await self._lease(case.case_id)

    async def _lease(self, case_id: CaseId) -> Case | None:
        # Counted from the question: the answer of a slow PostgreSQL may come when the lease is over.
        self._leased_at = self._clock.monotonic()
        return await self._ledger.lease(case_id)

    async def _examine(self, case: Case, *, patiently: bool = False) -> Verdict:
        """Ask about the channels; `patiently` who can wait for the end of a pause of Telegram's, which is raised."""
        if (group := self._group(case)) is None:
            return Allow()
        judged = self._judgement.after_a_pause if patiently else self._judgement.on
        verdict, self._spared = await judged(group, case.user_id)
        self._missing = verdict.channels if isinstance(verdict, Missing) else ()
        return verdict if self._spared is None else Allow()

    async def _state(self, case: Case) -> MemberState:
        return await self._telegram.member_state(case.bot_id, case.group_id, case.user_id)

    async def _hold(self, case: Case) -> bool:
        """Make sure that the lease outlasts the next call; False when it is somebody else's."""
        now = self._clock.monotonic()
        if now - self._leased_at < _LEASE_YOUNG_SECONDS:
            return True
        self._leased_at = now
        return await self._ledger.renew(case.case_id)

    def _group(self, case: Case) -> ProtectedGroup | None:
        """Return the group while it is gating: where nobody is gated, everybody is free."""
        group = self._directory.group(case.bot_id, case.group_id)
        return group if group is not None and group.gating else None

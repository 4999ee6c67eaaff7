"""Whether a user is in the required channels: memory, then the shared cache, then Telegram."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from bot.domain.errors import TelegramPausedError, TelegramUnavailableError
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership, Standing
from bot.services.membership.question import Questions
from bot.services.ports.membership import MembershipCache, TelegramBulkMembers, TelegramMembers
from bot.services.ports.runtime import Clock, Journal, Spawner

_Question = tuple[BotId, ChannelId, UserId]


class Verification:
    """Answers MEMBER, ABSENT or UNKNOWN for each required channel.

    `first` asks about somebody of whom nothing is known, while an update waits; `telegram` asks where much depends on
    the answer.
    """

    def __init__(
        self,
        *,
        cache: MembershipCache,
        telegram: TelegramBulkMembers,
        first: TelegramMembers,
        spawner: Spawner,
        journal: Journal,
        clock: Clock,
        trace: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._cache = cache
        self._questions = Questions(cache=cache, ask=first.membership, journal=journal, clock=clock)
        self._examinations = Questions(cache=cache, ask=telegram.ask_membership, journal=journal, clock=clock)
        self._spawner = spawner
        self._journal = journal
        self._clock = clock
        self._trace = trace
        self._asking: dict[_Question, asyncio.Future[Membership]] = {}

    async def standing(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Standing:
        """Return what is known, asking Telegram only where nothing is.

        Callers at the same time share one question per channel. A caller may stop waiting; the question goes on
        and its answer is remembered.
        """
        answers = {channel: self._cache.recall(bot, user, channel) for channel in channels}
        missing = [channel for channel, answer in answers.items() if answer is None]
        self._journal.looked_up("memory", hits=len(answers) - len(missing), misses=len(missing))
        if missing:
            with self._trace():
                answers.update(await self._look_up(bot, user, missing))
        return {channel: answer or Membership.UNKNOWN for channel, answer in answers.items()}

    async def examine(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Standing:
        """Like `standing`, but never take an absence from a cache: it is asked of Telegram, from now on.

        This is what stands before a mute, and behind the button of somebody who says that they have joined.
        """
        standing, _ = await self.examine_and_wait(bot, user, channels)
        return standing

    async def examine_and_wait(
        self, bot: BotId, user: UserId, channels: Sequence[ChannelId]
    ) -> tuple[Standing, TelegramPausedError | None]:
        """Examine, for who can ask again: return also the pause of Telegram's that left something unknown."""
        answers: dict[ChannelId, Membership] = {}
        unsure: list[ChannelId] = []
        for channel in channels:
            if self._cache.recall(bot, user, channel) is Membership.MEMBER:
                answers[channel] = Membership.MEMBER
            else:
                unsure.append(channel)
        pauses: list[TelegramPausedError] = []
        with self._trace():
            asked = await asyncio.gather(*(self._put(bot, user, channel, pauses) for channel in unsure))
        answers.update(zip(unsure, asked, strict=True))
        longest = max(pauses, key=lambda pause: pause.retry_after, default=None)
        return {channel: answers[channel] for channel in channels}, longest

    async def _put(self, bot: BotId, user: UserId, channel: ChannelId, pauses: list[TelegramPausedError]) -> Membership:
        began = self._clock.monotonic()
        try:
            return await self._examinations.put(bot, user, channel)
        except TelegramUnavailableError as error:
            if isinstance(error, TelegramPausedError):
                pauses.append(error)
            self._journal.verified(Membership.UNKNOWN.value, "telegram", self._clock.monotonic() - began)
            return Membership.UNKNOWN

    async def renew(self, bot: BotId, user: UserId, channel: ChannelId) -> bool:
        """Ask again about a membership near its end, unless another instance has just done so.

        Returns False when Telegram did not tell; then what is known stays as it is until its end.
        """
        await self._cache.read(bot, user, (channel,))
        if not self._cache.is_due(bot, user, channel) and self._cache.recall(bot, user, channel) is not None:
            return True
        return await self._ask_once(bot, user, channel, occasion="renewal") is not Membership.UNKNOWN

    async def _look_up(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        """Look in the shared cache, then ask; who comes before the answer is there shares the way from its start."""
        loop = asyncio.get_running_loop()
        fresh = [channel for channel in channels if (bot, channel, user) not in self._asking]
        if fresh:
            begun: dict[ChannelId, asyncio.Future[Membership]] = {channel: loop.create_future() for channel in fresh}
            self._asking.update({(bot, channel, user): answer for channel, answer in begun.items()})
            self._spawner.spawn(self._resolve(bot, user, begun), name="verification.ask")
        waited = [asyncio.shield(self._asking[bot, channel, user]) for channel in channels]
        return dict(zip(channels, await asyncio.gather(*waited), strict=True))

    async def _resolve(self, bot: BotId, user: UserId, begun: Mapping[ChannelId, asyncio.Future[Membership]]) -> None:
        left = dict(begun)
        start = self._clock.monotonic()
        try:
            shared = await self._cache.read(bot, user, list(begun))
            self._journal.looked_up("redis", hits=len(shared), misses=len(begun) - len(shared))
            for channel, known in shared.items():
                self._journal.verified(known.value, "cache", self._clock.monotonic() - start)
                self._tell((bot, channel, user), left.pop(channel), known)
            unanswered, left = left, {}
            await asyncio.gather(*(self._answer((bot, c, user), each, "telegram") for c, each in unanswered.items()))
        finally:
            for channel, answer in left.items():
                self._tell((bot, channel, user), answer, Membership.UNKNOWN)

    async def _ask_once(
        self, bot: BotId, user: UserId, channel: ChannelId, *, occasion: str = "telegram"
    ) -> Membership:
        question = (bot, channel, user)
        answer = self._asking.get(question)
        if answer is None:
            answer = asyncio.get_running_loop().create_future()
            self._asking[question] = answer
            self._spawner.spawn(self._answer(question, answer, occasion), name="verification.ask")
        return await asyncio.shield(answer)

    async def _answer(self, question: _Question, answer: asyncio.Future[Membership], occasion: str) -> None:
        bot, channel, user = question
        outcome = Membership.UNKNOWN
        try:
            outcome = await self._questions.put(bot, user, channel, occasion=occasion)
        finally:
            self._tell(question, answer, outcome)

    def _tell(self, question: _Question, answer: asyncio.Future[Membership], outcome: Membership) -> None:
        del self._asking[question]
        if not answer.done():
            answer.set_result(outcome)

"""Verifies the members of a bot's groups in advance, so that their next messages cost no question."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import structlog

from bot.domain.errors import TelegramUnavailableError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.membership import Allow, Doubt, Membership, Missing, Require, Standing, Verdict, judge
from bot.domain.warming import Bookmark, WarmupStats
from bot.services.groups.directory import Directory
from bot.services.membership.question import Questions
from bot.services.ports.membership import MembershipCache, RecentMembers, TelegramBulkMembers, WarmingBookmarks
from bot.services.ports.runtime import Clock, Journal, StillMine

BATCH = 100
RECENT = timedelta(days=7)
"""Who was seen within this time counts as active."""

# The pace is the budget's, over all instances; as many as this wait for their turn or for an answer at once.
_AT_ONCE = 8
_PAUSES = (1.0, 2.0, 4.0)
_LONGEST_PAUSE_SECONDS = 300.0
# After so many without an answer, one after the other and each tried four times, the round is given up.
_MOST_SILENT = 16
_ALL = 0

log = structlog.stdlib.get_logger()

Watch = Callable[[WarmupStats, int], None]
"""Hears of every user: what became of all so far, and how many are expected."""


class Warmer:
    """Verifies members of one bot's groups in advance. A round that is cancelled or dies goes on where it was."""

    def __init__(
        self,
        *,
        bot: BotId,
        directory: Directory,
        recent: RecentMembers,
        bookmarks: WarmingBookmarks,
        cache: MembershipCache,
        telegram: TelegramBulkMembers,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._bot = bot
        self._directory = directory
        self._recent = recent
        self._bookmarks = bookmarks
        self._cache = cache
        self._questions = Questions(cache=cache, ask=telegram.ask_membership, journal=journal, clock=clock)
        self._clock = clock

    async def group(
        self, group_id: GroupId, users: Sequence[UserId] | None = None, *, watch: Watch | None = None
    ) -> WarmupStats:
        """Verify these users, or the members seen lately. A group that is not protected has nobody to verify."""
        group = self._directory.group(self._bot, group_id)
        groups = [group] if group is not None and group.gating else []
        if users is None:
            return await self._recently_seen(groups, shelf=group_id, watch=watch)
        wanted = list(dict.fromkeys(users)) if groups else []
        round_ = self._round(len(wanted), watch)
        for first in range(0, len(wanted), BATCH):
            await round_.verify(wanted[first : first + BATCH], groups[0])
        return round_.stats()

    async def all_groups(self, *, watch: Watch | None = None, still_mine: StillMine | None = None) -> WarmupStats:
        """Verify the members seen lately in every group that is protected at the moment."""
        return await self._recently_seen(self._directory.gating(self._bot), shelf=_ALL, watch=watch, mine=still_mine)

    async def interrupted(self) -> bool:
        """Whether a round over all groups did not come to its end."""
        return await self._bookmarks.load(self._bot, _ALL) is not None

    async def _recently_seen(
        self,
        groups: Iterable[ProtectedGroup],
        *,
        shelf: int,
        watch: Watch | None,
        mine: StillMine | None = None,
    ) -> WarmupStats:
        bookmark = await self._bookmarks.load(self._bot, shelf)
        if bookmark is not None:
            groups = [group for group in groups if group.group_id >= bookmark.group_id]
            log.info("warming.resumed", bot=self._bot, group=bookmark.group_id)
        else:
            groups = list(groups)
        since = self._clock.now() - RECENT
        expected = await self._recent.count(
            self._bot, [group.group_id for group in groups], since=since, beginning=bookmark
        )
        round_ = self._round(expected, watch)
        for group in groups:
            behind = bookmark.behind if bookmark is not None and bookmark.group_id == group.group_id else None
            while not round_.given_up:
                await self._bookmarks.save(self._bot, shelf, Bookmark(group.group_id, behind))
                page = await self._recent.page(self._bot, group.group_id, since=since, behind=behind, limit=BATCH)
                if not page:
                    break
                await round_.verify([sighting.user_id for sighting in page], group)
                behind = page[-1]
                if mine is not None:
                    await mine()
        if not round_.given_up:
            await self._bookmarks.clear(self._bot, shelf)
        stats = round_.stats()
        log.info("warming.done", bot=self._bot, given_up=round_.given_up, **stats)
        return stats

    def _round(self, expected: int, watch: Watch | None) -> "_Round":
        return _Round(
            bot=self._bot,
            cache=self._cache,
            questions=self._questions,
            clock=self._clock,
            expected=expected,
            watch=watch or _nobody,
        )


class _Round:
    """One round and its counts."""

    def __init__(
        self,
        *,
        bot: BotId,
        cache: MembershipCache,
        questions: Questions,
        clock: Clock,
        expected: int,
        watch: Watch,
    ) -> None:
        self._bot = bot
        self._cache = cache
        self._questions = questions
        self._clock = clock
        self._expected = expected
        self._watch = watch
        self._started = clock.monotonic()
        self._verified = self._not_verified = self._errors = self._silent = 0

    @property
    def given_up(self) -> bool:
        """Telegram is away: the rest would only be counted as errors, one after the other."""
        return self._silent >= _MOST_SILENT

    def stats(self) -> WarmupStats:
        """Return the counts so far; who was left out when the round was given up is an error."""
        done = self._verified + self._not_verified + self._errors
        left = max(0, self._expected - done) if self.given_up else 0
        return WarmupStats(
            total_users=done + left,
            verified=self._verified,
            not_verified=self._not_verified,
            errors=self._errors + left,
            duration_seconds=self._clock.monotonic() - self._started,
        )

    async def verify(self, users: Sequence[UserId], group: ProtectedGroup) -> None:
        """Verify a batch of users."""
        waiting = iter(users)

        async def work() -> None:
            for user in waiting:
                if self.given_up:
                    return
                standing = await self._standing(user, group.channel_ids, group.policy.require)
                self._count(judge(standing, group.policy.require))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(_AT_ONCE, len(users))):
                tasks.create_task(work())

    def _count(self, verdict: Verdict) -> None:
        match verdict:
            case Allow():
                self._verified += 1
            case Missing():
                self._not_verified += 1
            case Doubt():
                self._errors += 1
        self._watch(self.stats(), self._expected)

    async def _standing(self, user: UserId, channels: Sequence[ChannelId], require: Require) -> Standing:
        """Ask about what is neither known here nor to the other instances, or not for long any more."""
        known = {channel: self._here(user, channel) for channel in channels}
        missing = [channel for channel, answer in known.items() if answer is None]
        if missing:
            await self._cache.read(self._bot, user, missing)
            known |= {channel: self._here(user, channel) for channel in missing}
        standing = {channel: answer or Membership.UNKNOWN for channel, answer in known.items()}
        for channel in (channel for channel, answer in known.items() if answer is None):
            # Where any channel will do, a membership found before makes the other questions idle.
            if require is Require.ALL or not isinstance(judge(standing, require), Allow):
                standing[channel] = await self._ask(user, channel)
        return standing

    def _here(self, user: UserId, channel: ChannelId) -> Membership | None:
        due = self._cache.is_due(self._bot, user, channel)
        return None if due else self._cache.recall(self._bot, user, channel)

    async def _ask(self, user: UserId, channel: ChannelId) -> Membership:
        for pause in (*_PAUSES, None):
            try:
                answer = await self._questions.put(self._bot, user, channel, occasion="warming")
            except TelegramUnavailableError as error:
                if pause is None or self.given_up:
                    break
                await self._clock.sleep(min(max(pause, error.retry_after or 0.0), _LONGEST_PAUSE_SECONDS))
            else:
                self._silent = 0
                return answer
        self._silent += 1
        return Membership.UNKNOWN


def _nobody(stats: WarmupStats, expected: int) -> None:
    """Do nothing: nobody watches."""

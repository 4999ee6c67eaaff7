"""Mutes that this process has prepared: the member's state was read, and nothing has happened to the case since."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.domain.errors import TelegramUnavailableError
from bot.domain.ids import CaseId
from bot.domain.recent import Recent
from bot.domain.restriction import Case

# What Telegram has been told of meanwhile comes as an update, within moments. For longer nobody relies on that.
_VALID_SECONDS = 60.0
_MOST = 2_000


class Preparations:
    """Lets a case that was put back between preparation and mute go on where it was, with the second question.

    In a storm of 429s no three calls in a row get through; two do.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._made = Recent[CaseId, tuple[int, float]](_MOST)

    def noted(self, before: Case, fresh: Case | None) -> Case | None:
        """Note that the mute was committed as announced; return the case as it is now."""
        # Only the version this very commit made says that nobody acted since the state was read.
        if fresh is not None and fresh.version == before.version + 1:
            self._made[fresh.case_id] = fresh.version, self._monotonic()
        return fresh

    def hold(self, case: Case) -> bool:
        """Whether the member is still as they were when the mute was prepared here, a moment ago."""
        version, at = self._made.get(case.case_id, (-1, 0.0))
        return version == case.version and self._monotonic() - at < _VALID_SECONDS

    @contextmanager
    def spent(self, case: Case) -> Iterator[None]:
        """Count the case as prepared no longer once its mute may be in force: only a pause says that it is not."""
        made = self._made.pop(case.case_id, None)
        try:
            yield
        except TelegramUnavailableError as error:
            if error.retry_after is not None and made is not None:
                self._made[case.case_id] = made
            raise

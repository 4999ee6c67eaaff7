"""How long work that failed waits for its next try."""

from bot.domain.errors import TelegramUnavailableError
from bot.domain.restriction import Case, Done, Wanted

LONGEST_PAUSE_SECONDS = 300.0
"""Nothing that is wanted waits longer for another try."""
# Who may have joined and cannot write must not wait for minutes after an outage; an open circuit spares the calls.
_LONGEST_PAUSE_OF_THE_MUTED_SECONDS = 15.0
# Telegram said no to a lift: rights are missing. An event brings the case back earlier when they return.
_REFUSED_PAUSE_SECONDS = 600.0
_LONGEST_REFUSED_PAUSE_SECONDS = 3_600.0


def without_answer(case: Case, error: TelegramUnavailableError) -> float:
    """Return how many seconds a case waits after a call that was not answered."""
    held_wrongly = case.wanted is not Wanted.MUTE and case.done in {Done.MUTING, Done.MUTED}
    longest = _LONGEST_PAUSE_OF_THE_MUTED_SECONDS if held_wrongly else LONGEST_PAUSE_SECONDS
    return after_silence(error, case.attempts, longest)


def after_silence(error: TelegramUnavailableError, attempts: int, longest: float = LONGEST_PAUSE_SECONDS) -> float:
    """Return as many seconds as Telegram asks for, or ever more of them."""
    return error.retry_after or doubled(1.0, attempts, longest)


def after_refusal(case: Case) -> float:
    """Return how many seconds a case waits after a call that was refused."""
    return doubled(_REFUSED_PAUSE_SECONDS, case.attempts, _LONGEST_REFUSED_PAUSE_SECONDS)


def doubled(first: float, times: int, longest: float) -> float:
    """Double a pause so many times. The exponent is bounded: attempts go on for months, and a float does not."""
    return min(first * 2.0 ** min(times, 32), longest)

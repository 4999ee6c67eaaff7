"""How long work that failed waits for its next try."""

from dataclasses import dataclass

from bot.domain.errors import ChatMovedError, TelegramError, TelegramPausedError, TelegramUnavailableError
from bot.domain.restriction import Case, Done, Wanted, answers_left

LONGEST_PAUSE_SECONDS = 300.0
"""Nothing that is wanted waits longer for another try."""
# Who may have joined and cannot write must not wait for minutes after an outage; an open circuit spares the calls.
_LONGEST_PAUSE_OF_THE_MUTED_SECONDS = 15.0
# Telegram said no to a lift: rights are missing. An event brings the case back earlier when they return.
_REFUSED_PAUSE_SECONDS = 600.0
_LONGEST_REFUSED_PAUSE_SECONDS = 3_600.0
_MOVED_PAUSE_SECONDS = 1.0
# Few calls may start after a pause, and the next one may be near: each answer that a case lacks costs it so much.
_TURN_SECONDS = 0.1
# Cases that lack equally many are spread over it, neighbours far apart.
_MOMENTS, _STRIDE = 101, 37


@dataclass(frozen=True, slots=True)
class Respite:
    """For how long a case is put off."""

    seconds: float
    is_pause: bool = False
    """Nothing has failed: no call may start until then."""


def respite_after(case: Case, error: TelegramError) -> Respite:
    """Tell how long a case waits after a call that did not do what it was asked."""
    match error:
        case TelegramPausedError():
            return Respite(error.retry_after + _turn(case), is_pause=True)
        case TelegramUnavailableError():
            held_wrongly = case.wanted is not Wanted.MUTE and case.done in {Done.MUTING, Done.MUTED}
            longest = _LONGEST_PAUSE_OF_THE_MUTED_SECONDS if held_wrongly else LONGEST_PAUSE_SECONDS
            return Respite(after_silence(error, case.attempts, longest))
        case ChatMovedError():
            return Respite(_MOVED_PAUSE_SECONDS)
        case _:
            return Respite(doubled(_REFUSED_PAUSE_SECONDS, case.attempts, _LONGEST_REFUSED_PAUSE_SECONDS))


def _turn(case: Case) -> float:
    """Tell how long after a pause a case goes on: who is to be freed at once, then who lacks the fewest answers.

    Each has a moment of its own, whatever instance it is of: together all would get an answer, and none of them two.
    """
    if case.wanted is Wanted.FREE:
        return 0.0
    moment = case.case_id * _STRIDE % _MOMENTS / _MOMENTS
    return _TURN_SECONDS * (answers_left(case) - 1 + moment)


def after_silence(error: TelegramUnavailableError, attempts: int, longest: float = LONGEST_PAUSE_SECONDS) -> float:
    """Return as many seconds as Telegram asks for, or ever more of them."""
    return error.retry_after or doubled(1.0, attempts, longest)


def doubled(first: float, times: int, longest: float) -> float:
    """Double a pause so many times. The exponent is bounded: attempts go on for months, and a float does not."""
    return min(first * 2.0 ** min(times, 32), longest)

"""When a case goes on that was put off: who is next after a pause of Telegram's."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import TelegramPausedError, TelegramUnavailableError
from bot.domain.ids import CaseId
from bot.domain.restriction import Case, Wanted, answers_left
from bot.services.gate.pauses import respite_after
from tests.kits.strategies import cases

pauses = st.floats(min_value=0.1, max_value=3600).map(
    lambda seconds: TelegramPausedError(method="x", description="429", retry_after=seconds)
)

waiting = st.builds(replace, cases, wanted=st.sampled_from((Wanted.CHECK, Wanted.MUTE)))


@given(waiting, waiting, pauses)
def test_after_a_pause_who_lacks_the_fewest_answers_goes_first(
    first: Case, second: Case, pause: TelegramPausedError
) -> None:
    """Whatever instances they are on; so work that was begun comes to its end before more of it is begun."""
    sooner, later = sorted((first, second), key=answers_left)

    if answers_left(sooner) < answers_left(later):
        assert respite_after(sooner, pause).seconds < respite_after(later, pause).seconds


@given(cases, pauses)
def test_nobody_goes_on_inside_a_pause_nor_long_after_it(case: Case, pause: TelegramPausedError) -> None:
    """The budget would refuse the call; half a second later all have had their turn."""
    respite = respite_after(case, pause)

    assert respite.is_pause
    assert pause.retry_after <= respite.seconds < pause.retry_after + 0.5


@given(cases, cases, pauses)
def test_after_a_pause_nobody_goes_before_who_is_to_be_freed(
    freed: Case, other: Case, pause: TelegramPausedError
) -> None:
    """They go on at its very end, however many answers their lift takes."""
    freed = replace(freed, wanted=Wanted.FREE)

    assert respite_after(freed, pause).seconds == pause.retry_after <= respite_after(other, pause).seconds


@given(waiting, pauses, st.integers(1, 10**6))
def test_cases_go_on_one_after_the_other(case: Case, pause: TelegramPausedError, first: int) -> None:
    """A hundred that lack equally many answers: at the same moment each would get one, and none of them two."""
    moments = {
        round(respite_after(replace(case, case_id=CaseId(number)), pause).seconds, 6)
        for number in range(first, first + 100)
    }

    assert len(moments) == 100


@given(cases, st.none() | st.floats(min_value=0.1, max_value=60))
def test_a_silence_is_no_pause(case: Case, seconds: float | None) -> None:
    """An open circuit names a time, too; it is kept as it is."""
    respite = respite_after(case, TelegramUnavailableError(method="x", description="away", retry_after=seconds))

    assert not respite.is_pause
    assert seconds is None or respite.seconds == seconds

"""The budgets as one process keeps them, for any order of calls."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bot.core.telegram.demand import Demand, Limits, Priority
from bot.core.telegram.own_budget import OwnBudget
from bot.domain.ids import BotId
from tests.fakes.ports import FakeClock

LIMITS = Limits(per_second=25, per_chat=20, bulk=5)
BOT = BotId(1)

demands = st.builds(
    Demand,
    bot=st.just(BOT),
    method=st.sampled_from(["sendMessage", "editMessageText", "getChatMember", "restrictChatMember"]),
    chat=st.sampled_from([-1, -2, -3, 4, 5, *range(10, 40)]),
    priority=st.sampled_from(Priority),
)
# Seconds that pass, then calls that come at once.
rushes = st.lists(st.tuples(st.floats(0, 3), st.lists(demands, max_size=30)), max_size=30)


def most_within(moments: Sequence[float], seconds: float) -> int:
    """Return the largest number of moments in any stretch of that length."""
    return max((sum(start <= moment < start + seconds for moment in moments) for start in moments), default=0)


def is_send(demand: Demand) -> bool:
    return demand.method in {"sendMessage", "editMessageText"}


@given(rushes, st.integers(1, 4))
def test_no_limit_is_ever_passed(rushes: list[tuple[float, list[Demand]]], instances: int) -> None:
    """Whatever comes, and however many instances divide the budgets: each limit holds for all of them together."""
    clock = FakeClock()
    budgets = [OwnBudget(limits=LIMITS, monotonic=clock.monotonic) for _ in range(instances)]
    made: list[tuple[float, Demand]] = []
    for pause, rush in rushes:
        clock.advance(pause)
        for number, demand in enumerate(rush):
            if budgets[number % instances].ask(demand, instances).wait == 0:
                made.append((clock.elapsed, demand))
    sends = [(at, demand) for at, demand in made if is_send(demand)]

    assert most_within([at for at, _ in sends], 1.0) <= 25
    assert most_within([at for at, demand in made if demand.priority is Priority.BULK], 1.0) <= 5
    for group in (-1, -2, -3):
        assert most_within([at for at, demand in sends if demand.chat == group], 60.0) <= 20


@given(rushes, demands)
def test_the_wait_that_is_named_is_enough(rushes: list[tuple[float, list[Demand]]], demand: Demand) -> None:
    """Who comes back at the time they were told, and finds nobody new, may go."""
    clock = FakeClock()
    budget = OwnBudget(limits=LIMITS, monotonic=clock.monotonic)
    for pause, rush in rushes:
        clock.advance(pause)
        for each in rush:
            budget.ask(each, 1)
    wait = budget.ask(demand, 1).wait
    clock.advance(wait + 0.001)

    assert wait <= 61
    assert wait == 0 or budget.ask(demand, 1).wait == 0


@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0, 3), demands), max_size=12))
def test_nothing_starts_in_a_pause(pauses: list[tuple[float, float, Demand]]) -> None:
    """Every pause that was named holds the chat and class it was named for to its end."""
    clock = FakeClock()
    budget = OwnBudget(limits=LIMITS, monotonic=clock.monotonic)
    ends: dict[str, float] = {}
    for retry_after, pause, demand in pauses:
        budget.flooded(demand, retry_after, clock.elapsed)
        ends[demand.scope] = max(ends.get(demand.scope, 0.0), clock.elapsed + retry_after)
        clock.advance(pause)
        granted = budget.ask(demand, 1).wait == 0

        assert not granted or clock.elapsed >= ends[demand.scope]


def test_old_chats_are_forgotten() -> None:
    """A process that writes to ever new chats remembers a bounded number of them."""
    clock = FakeClock()
    budget = OwnBudget(limits=LIMITS, monotonic=clock.monotonic)
    for user in range(1, 20_000):
        budget.ask(Demand(BOT, "sendMessage", user, Priority.PRESS), 1)
        clock.advance(0.5)

    assert budget.remembered <= 2_001

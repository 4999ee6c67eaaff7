"""What admins choose, as values: reading and writing it down, and whom it spares."""

from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import ChannelId
from bot.domain.membership import Allow, Doubt, Membership, Missing, Require, judge
from bot.domain.policy import (
    SETTINGS,
    Enforcement,
    OnLeave,
    Policy,
    Presence,
    Spared,
    choose,
    chosen,
    in_force,
    options,
    read,
    reopens,
    spares,
    written,
)
from tests.kits.strategies import START, standings

choices = st.lists(st.sampled_from([(name, option) for name in SETTINGS for option in options(name)]), max_size=20)
policies = choices.map(lambda picks: reduce(lambda policy, pick: choose(policy, *pick), picks, Policy()))
moments = st.integers(min_value=0, max_value=10**6).map(lambda seconds: START + timedelta(seconds=seconds))
presences = st.builds(Presence, st.none() | moments, st.none() | moments)


@given(policies)
def test_what_is_written_down_reads_the_same(policy: Policy) -> None:
    """Nothing is lost, and the defaults take no room."""
    assert read(written(policy)) == policy
    assert written(Policy()) == {}


@given(policies, st.sampled_from(SETTINGS))
def test_each_choice_changes_one_setting(policy: Policy, name: str) -> None:
    """All others stay as they are."""
    for option in options(name):
        changed = choose(policy, name, option)

        assert chosen(changed, name) == option
        assert all(chosen(changed, other) == chosen(policy, other) for other in SETTINGS if other != name)


@given(policies, st.text(max_size=12), st.text(max_size=12))
def test_what_there_is_not_cannot_be_chosen(policy: Policy, name: str, option: str) -> None:
    """Neither a setting nor an option; read back from a newer release it is left out."""
    if name in SETTINGS and option in options(name):
        return

    with pytest.raises(ValueError, match="="):
        choose(policy, name, option)
    assert read({**written(policy), name: option}) == read({**written(policy), name: ""})


@given(st.sampled_from(Enforcement))
def test_a_basic_group_restricts_nobody(enforcement: Enforcement) -> None:
    """What is left of muting and removing is to delete messages."""
    possible = in_force(enforcement, basic_group=True)

    assert possible in {Enforcement.DELETE, Enforcement.OBSERVE}
    assert in_force(enforcement, basic_group=False) is enforcement


@given(standings)
def test_one_membership_is_enough_where_any_will_do(standing: dict[ChannelId, Membership]) -> None:
    """Only who is proven to be in none of the channels is absent; an unanswered question proves nothing."""
    verdict = judge(standing, Require.ANY)
    answers = set(standing.values())

    if not standing or Membership.MEMBER in answers:
        assert verdict == Allow()
    elif Membership.UNKNOWN in answers:
        assert isinstance(verdict, Doubt)
    else:
        assert verdict == Missing(tuple(standing))


@given(presences, moments, st.booleans())
def test_the_default_policy_spares_nobody(presence: Presence, now: object, is_member: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    """Grace, grandfathering and a leave without consequence are chosen, never given."""
    del now

    assert spares(Policy(), presence, protected_since=START, now=START, is_member=is_member) is None
    assert not Policy().spares_some


@given(policies, presences, moments, moments, st.booleans())
def test_whoever_is_spared_is_spared_by_a_choice(
    policy: Policy,
    presence: Presence,
    since: object,
    now: object,
    is_member: bool,  # noqa: FBT001 - hypothesis passes it
) -> None:
    """A time that is given ends in the future, and only what was chosen gives any."""
    spared = spares(policy, presence, protected_since=since, now=now, is_member=is_member)  # type: ignore[arg-type]  # moments are datetimes

    if spared is not None:
        assert policy.spares_some
        assert spared.until is None or spared.until > now  # type: ignore[operator]  # moments are datetimes


def test_a_newcomer_s_time_runs_out() -> None:
    """To the second."""
    policy, presence = Policy(grace_minutes=5), Presence(START)
    end = START + timedelta(minutes=5)

    for seconds, expected in ((0, Spared(end)), (299, Spared(end)), (300, None)):
        now = START + timedelta(seconds=seconds)
        assert spares(policy, presence, protected_since=START, now=now, is_member=True) == expected


@pytest.mark.parametrize(
    ("joined", "is_member", "spared"), [(None, True, True), (-1, True, True), (1, True, False), (None, False, False)]
)
def test_who_was_there_before(joined: int | None, is_member: bool, spared: bool) -> None:  # noqa: FBT001 - a table
    """Members who were not seen to come in since; who is not in the group at all was not there before either."""
    presence = Presence(None if joined is None else START + timedelta(seconds=joined))

    found = spares(Policy(grandfather=True), presence, protected_since=START, now=START, is_member=is_member)

    assert (found == Spared(None)) is spared


def test_who_has_passed_once_stays_where_leaving_is_without_consequence() -> None:
    """And nobody else."""
    policy = Policy(on_leave=OnLeave.NOTHING)

    for presence, expected in ((Presence(None, START), Spared(None)), (Presence(START), None)):
        assert spares(policy, presence, protected_since=START, now=START, is_member=True) == expected


@given(policies, policies)
def test_open_cases_are_looked_at_again_for_what_concerns_them(before: Policy, after: Policy) -> None:
    """A change of how edits or commands are judged wakes nobody up."""
    bearing = {"enforcement", "require", "grace_minutes", "grandfather", "on_leave", "pending_minutes"}
    changed = {name for name in SETTINGS if chosen(before, name) != chosen(after, name)}

    assert reopens(before, after) == bool(changed & bearing)

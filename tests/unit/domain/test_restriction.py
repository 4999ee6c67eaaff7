"""The next step of a case, in every state a case can be in."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.ids import CaseId, MessageId
from bot.domain.permissions import MemberState, Prior, Role
from bot.domain.policy import Enforcement, Policy, choose, options
from bot.domain.restriction import (
    LONGEST_MUTE,
    SHORTEST_MUTE,
    Case,
    Done,
    Preparation,
    PromptState,
    Step,
    Wanted,
    answers_left,
    is_ours,
    kick_at,
    mute_until,
    next_step,
    prepare,
    prior_of,
)
from tests.kits.strategies import START, cases, member_states

_END = {Step.REST, Step.CLOSE, Step.OBSERVE}
# From any state, after the last change of what is wanted: ask, prepare, mute, three deletions, prompt; then rest.
_LONGEST_CHAIN = 16


def _effects(case: Case) -> dict[Step, Callable[[bool], Case]]:
    """Tell what each step makes of the case, when it went well and when it did not."""
    return {
        Step.ASK: lambda well: replace(case, wanted=Wanted.MUTE if well else Wanted.FREE),
        Step.PREPARE: lambda _: replace(case, done=Done.MUTING, our_until=mute_until(case.case_id, START)),
        Step.MUTE: lambda well: replace(case, done=Done.MUTED) if well else replace(case, wanted=Wanted.FREE),
        Step.NOTICE: lambda well: replace(case, done=Done.NOTICED) if well else replace(case, wanted=Wanted.FREE),
        Step.DELETE_MESSAGES: lambda _: replace(case, delete_ids=case.delete_ids[100:]),
        Step.PROMPT: lambda well: replace(
            case,
            prompt_state=PromptState.SENT if well else PromptState.FAILED,
            prompt_message_id=MessageId(1) if well else None,
        ),
        Step.LIFT: lambda _: replace(case, done=Done.LIFTED),
        Step.DELETE_PROMPT: lambda _: replace(case, prompt_state=PromptState.GONE),
    }


def _run(case: Case, luck: list[bool], changes: list[Wanted]) -> list[tuple[Case, Step]]:
    """Perform steps to the end; the first ones are each followed by somebody's change of what is wanted."""
    path: list[tuple[Case, Step]] = []
    for index in range(_LONGEST_CHAIN + len(changes)):
        step = next_step(case)
        path.append((case, step))
        if step in _END and index >= len(changes):
            return path
        if step not in _END:
            case = _effects(case)[step](luck[index % len(luck)])
        if index < len(changes):
            case = replace(case, wanted=changes[index])
    return path


_lucks = st.lists(st.booleans(), min_size=1, max_size=8)
_changes = st.lists(st.sampled_from(Wanted), max_size=12)


@settings(max_examples=300)
@given(cases, _lucks, _changes)
def test_every_chain_of_steps_comes_to_an_end(case: Case, luck: list[bool], changes: list[Wanted]) -> None:
    """Whatever is wanted in between, once nobody changes it the case rests or is closed."""
    path = _run(case, luck, changes)

    assert path[-1][1] in _END


@settings(max_examples=300)
@given(cases, _lucks, _changes)
def test_nobody_is_muted_unless_it_is_wanted_and_committed(case: Case, luck: list[bool], changes: list[Wanted]) -> None:
    """A mute is wanted at that very moment, and was written down before the call."""
    mutes = [before for before, step in _run(case, luck, changes) if step is Step.MUTE]

    assert all(before.wanted is Wanted.MUTE and before.done is Done.MUTING for before in mutes)


@settings(max_examples=300)
@given(cases, _lucks, _changes)
def test_a_case_is_not_closed_over_a_mute(case: Case, luck: list[bool], changes: list[Wanted]) -> None:
    """Whoever is or may be muted by GMBot keeps an open case."""
    closed = [before for before, step in _run(case, luck, changes) if step in {Step.CLOSE, Step.OBSERVE}]

    assert all(before.done in {Done.NOTHING, Done.LIFTED, Done.NOTICED} for before in closed)


@given(cases)
def test_each_answer_brings_a_mute_nearer(case: Case) -> None:
    """On the way from the first absence to the rest no step leaves more to be answered than the one before."""
    path = _run(replace(case, wanted=Wanted.MUTE), [True], [])
    left = [answers_left(each) for each, _ in path]

    assert left == sorted(left, reverse=True)


@given(cases)
def test_freedom_never_leads_to_a_mute(case: Case) -> None:
    """With freedom wanted, only lifting, tidying and closing are left."""
    step = next_step(replace(case, wanted=Wanted.FREE))

    assert step in {Step.LIFT, Step.DELETE_PROMPT, Step.CLOSE}


@given(cases)
def test_nothing_is_done_before_membership_is_known(case: Case) -> None:
    """A case that asks for a look begins with the question."""
    assert next_step(replace(case, wanted=Wanted.CHECK)) is Step.ASK


@given(cases)
def test_where_only_messages_go_nobody_new_is_muted(case: Case) -> None:
    """A basic group has no restrictions."""
    deleting = replace(case, enforcement=Enforcement.DELETE)

    assert next_step(deleting) is not Step.PREPARE


@given(cases)
def test_a_gate_that_observes_touches_nobody(case: Case) -> None:
    """It asks, notes, and at most undoes what a stricter one has done."""
    observing = replace(case, enforcement=Enforcement.OBSERVE)

    assert next_step(observing) in {Step.ASK, Step.OBSERVE, Step.LIFT, Step.DELETE_PROMPT, Step.CLOSE}


@given(cases)
def test_a_gate_that_removes_messages_keeps_nobody_muted(case: Case) -> None:
    """Who was muted by a stricter one is given their word back before anything else."""
    muted = replace(case, enforcement=Enforcement.DELETE, wanted=Wanted.MUTE, done=Done.MUTED)

    assert next_step(muted) is Step.LIFT


@given(cases, st.sampled_from(options("kick_minutes")))
def test_only_whom_we_muted_is_removed(case: Case, minutes: str) -> None:
    """A ban would wipe out a moderator's restriction, and one who is not muted has not been told."""
    policy = choose(choose(Policy(), "enforcement", "kick"), "kick_minutes", minutes)
    due = kick_at(case, policy)
    changed = kick_at(replace(case, kick_from=START + timedelta(days=9_000)), policy)

    assert kick_at(case, Policy()) is None
    if due is not None:
        assert case.done is Done.MUTED
        assert case.enforcement is Enforcement.KICK
        assert case.prior is None
        # Their time counts from when the group began to remove people.
        assert changed == START + timedelta(days=9_000, minutes=int(minutes))


@given(member_states, cases)
def test_no_admin_is_ever_prepared_for_a_mute(state: MemberState, case: Case) -> None:
    """Telegram would refuse, and it would be rude."""
    decision = prepare(state, case)

    assert (decision is Preparation.EXEMPT) == state.is_admin


@given(member_states, cases)
def test_who_is_silent_already_is_not_muted_again(state: MemberState, case: Case) -> None:
    """Somebody else's mute is left alone; our own, found after a crash, is taken over."""
    decision = prepare(state, case)
    theirs = not state.is_admin and not state.may_send and not is_ours(state, case.our_until)

    assert (decision is Preparation.SILENT_ALREADY) == theirs


@given(member_states, cases)
def test_our_own_mute_is_never_taken_for_a_prior_restriction(state: MemberState, case: Case) -> None:
    """What is given back later is what others imposed."""
    prior = prior_of(state, case)

    assert prior == (case.prior if is_ours(state, case.our_until) else state.restriction)
    if prior is not None and case.our_until is not None and state.until == case.our_until:
        assert prior is case.prior


@given(cases)
def test_our_mute_is_recognised_by_its_end(case: Case) -> None:
    """A restriction with our end is ours, one with another end is not, and no restriction is nobody's."""
    until = mute_until(case.case_id, START)
    ours = MemberState(Role.RESTRICTED, frozenset(), until)

    assert is_ours(ours, until)
    assert not is_ours(replace(ours, until=None), until)
    assert not is_ours(ours, None)
    assert not is_ours(MemberState(Role.MEMBER), until)


@given(st.integers(min_value=1, max_value=2**62).map(CaseId))
def test_a_mute_ends_by_itself_within_what_telegram_counts(case_id: CaseId) -> None:
    """Whole seconds, 200 to 360 days ahead: more than 366 days would be for ever."""
    until = mute_until(case_id, START)

    assert SHORTEST_MUTE <= until - START <= LONGEST_MUTE
    assert until.microsecond == 0


@given(st.integers(min_value=1, max_value=2**62), st.integers(min_value=1, max_value=13_823_999))
def test_two_cases_have_two_ends(first: int, distance: int) -> None:
    """Cases opened at the same moment end apart, unless 13.8 million lie between them."""
    assert mute_until(CaseId(first), START) != mute_until(CaseId(first + distance), START)


def test_neighbouring_cases_end_far_apart() -> None:
    """A second more or less on the way to Telegram does not make one mute look like the next."""
    ends = sorted(mute_until(CaseId(number), START) for number in range(1, 1001))
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(ends)]

    assert min(gaps) > 1000


def test_a_prior_restriction_that_ends_as_ours_is_still_the_case_s_own() -> None:
    """Found again after a crash, the mute in force does not replace the restriction that was recorded."""
    until = mute_until(CaseId(1), START)
    before = Prior(frozenset({"can_send_messages"}), None)
    state = MemberState(Role.RESTRICTED, frozenset(), until)

    assert prior_of(state, _case(our_until=until, prior=before)) == before


def _case(**changes: object) -> Case:
    blank = Case(
        case_id=CaseId(1),
        bot_id=1,  # type: ignore[arg-type]  # names are Case's own
        group_id=-1001,  # type: ignore[arg-type]  # names are Case's own
        user_id=7,  # type: ignore[arg-type]  # names are Case's own
        user_name="Sam",
        language="en",
        enforcement=Enforcement.MUTE,
        wanted=Wanted.MUTE,
        done=Done.MUTING,
        version=1,
        attempts=0,
        prior=None,
        our_until=None,
        delete_ids=(),
        topic_id=None,
        prompt_state=PromptState.NONE,
        prompt_message_id=None,
        prompt_channels=(),
        opened_at=START,
    )
    return replace(blank, **changes)  # type: ignore[arg-type]  # names are Case's own

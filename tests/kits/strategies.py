"""Hypothesis strategies for the domain's values."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, MessageId, UserId
from bot.domain.membership import Membership
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role
from bot.domain.policy import Enforcement
from bot.domain.restriction import Case, Done, PromptState, Wanted

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

channel_ids = st.integers(min_value=-1_009_999_999_999, max_value=-1_000_000_000_001).map(ChannelId)
memberships = st.sampled_from(Membership)
standings = st.dictionaries(channel_ids, memberships, max_size=10)
permission_sets = st.frozensets(st.sampled_from(sorted(ALL_PERMISSIONS)))
# Telegram keeps times in whole seconds.
times = st.integers(min_value=-1000, max_value=400 * 86400).map(lambda seconds: START + timedelta(seconds=seconds))
priors = st.builds(Prior, permissions=permission_sets, until=st.none() | times)


def _restricted(prior: Prior, *, is_member: bool) -> MemberState:
    return MemberState(Role.RESTRICTED, prior.permissions, prior.until, is_member)


member_states = st.one_of(
    st.sampled_from((Role.OWNER, Role.ADMIN)).map(MemberState),
    st.just(MemberState(Role.MEMBER)),
    st.sampled_from((Role.LEFT, Role.BANNED)).map(lambda role: MemberState(role, is_member=False)),
    st.builds(_restricted, priors, is_member=st.booleans()),
)

cases = st.builds(
    Case,
    case_id=st.integers(min_value=1, max_value=10**9).map(CaseId),
    bot_id=st.just(BotId(1)),
    group_id=st.just(GroupId(-1001)),
    user_id=st.just(UserId(7)),
    user_name=st.text(max_size=40),
    enforcement=st.sampled_from(Enforcement),
    wanted=st.sampled_from(Wanted),
    done=st.sampled_from(Done),
    version=st.integers(min_value=1, max_value=100),
    attempts=st.integers(min_value=0, max_value=10),
    prior=st.none() | priors,
    our_until=st.none() | times,
    delete_ids=st.lists(st.integers(1, 10**6).map(MessageId), max_size=250).map(tuple),
    topic_id=st.none(),
    prompt_state=st.sampled_from(PromptState),
    prompt_message_id=st.none() | st.integers(1, 10**6).map(MessageId),
    prompt_channels=st.just(()),
    opened_at=st.just(START),
    done_at=st.just(START),
)

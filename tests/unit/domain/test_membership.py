"""What an answer about membership allows to conclude."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import ChannelId
from bot.domain.membership import Allow, Doubt, Membership, Missing, judge, membership_of
from tests.kits.strategies import standings


@given(standings)
def test_only_a_proven_absence_finds_against_a_user(standing: dict[ChannelId, Membership]) -> None:
    """No combination of doubt and membership makes anybody a stranger."""
    verdict = judge(standing)

    assert isinstance(verdict, Missing) == (Membership.ABSENT in standing.values())


@given(standings)
def test_whoever_is_in_every_channel_may_speak(standing: dict[ChannelId, Membership]) -> None:
    """Allowed means allowed by all channels, and a doubt about one is a doubt."""
    verdict = judge(standing)

    assert isinstance(verdict, Allow) == all(answer is Membership.MEMBER for answer in standing.values())


@given(standings)
def test_a_verdict_names_its_channels_in_the_admins_order(standing: dict[ChannelId, Membership]) -> None:
    """The prompt lists what is missing as the group lists it, and nothing else."""
    match judge(standing):
        case Missing(channels):
            assert list(channels) == [each for each, answer in standing.items() if answer is Membership.ABSENT]
        case Doubt(channels):
            assert list(channels) == [each for each, answer in standing.items() if answer is Membership.UNKNOWN]
        case Allow():
            assert Membership.UNKNOWN not in standing.values()


@pytest.mark.parametrize(
    ("status", "is_member", "expected"),
    [
        ("creator", False, Membership.MEMBER),
        ("administrator", False, Membership.MEMBER),
        ("member", False, Membership.MEMBER),
        ("restricted", True, Membership.MEMBER),
        ("restricted", False, Membership.ABSENT),
        ("left", False, Membership.ABSENT),
        ("left", True, Membership.ABSENT),
        ("kicked", False, Membership.ABSENT),
    ],
)
def test_every_status_telegram_defines_has_one_meaning(status: str, expected: Membership, *, is_member: bool) -> None:
    """`is_member` counts for `restricted` alone."""
    assert membership_of(status, is_member=is_member) is expected


@given(
    st.text().filter(
        lambda status: status not in {"creator", "administrator", "member", "restricted", "left", "kicked"}
    ),
    st.booleans(),
)
def test_a_status_nobody_knows_proves_nothing(status: str, is_member: bool) -> None:  # noqa: FBT001 - by hypothesis
    """Telegram may add a status; it must not mute anybody."""
    assert membership_of(status, is_member=is_member) is Membership.UNKNOWN

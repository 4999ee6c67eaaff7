"""What a member may do, read from the Bot API and given back to it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given

from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role, read_member, restored
from tests.kits.strategies import START, member_states, permission_sets, priors, times


@given(priors, times)
def test_a_restriction_is_put_back_unless_it_is_nearly_over(prior: Prior, now: datetime) -> None:
    """What ends within 35 s is not put back: Telegram would read so near an end as "for ever"."""
    nearly_over = prior.until is not None and prior.until - now <= timedelta(seconds=35)

    assert restored(prior, now) == (None if nearly_over else prior)


@pytest.mark.parametrize(("left", "kept"), [(34, False), (35, False), (36, True)])
def test_thirty_five_seconds_are_the_border(left: int, *, kept: bool) -> None:
    """One second more than that, and the restriction comes back exactly."""
    prior = Prior(frozenset({"can_send_messages"}), START + timedelta(seconds=left))

    assert restored(prior, START) == (prior if kept else None)


def test_no_restriction_before_means_none_after() -> None:
    """Most members have none."""
    assert restored(None, START) is None


@given(permission_sets, times)
def test_a_restricted_member_is_read_as_telegram_wrote_it(permissions: frozenset[str], until: datetime) -> None:
    """Permissions, end and presence survive the way in."""
    fields: dict[str, object] = {name: name in permissions for name in ALL_PERMISSIONS}
    fields |= {"status": "restricted", "until_date": int(until.timestamp()), "is_member": True}

    assert read_member(fields) == MemberState(Role.RESTRICTED, permissions, until, is_member=True)


@pytest.mark.parametrize("forever", [0, None])
def test_a_restriction_without_an_end_is_for_ever(forever: object) -> None:
    """Telegram writes "for ever" as 0."""
    state = read_member({"status": "restricted", "until_date": forever, "is_member": True})

    assert state.restriction == Prior(frozenset(), None)


def test_a_restriction_survives_leaving() -> None:
    """Who left while restricted is no member, and is restricted again on coming back."""
    state = read_member({"status": "restricted", "until_date": 0, "is_member": False})

    assert not state.is_member
    assert state.restriction is not None


def test_the_owner_has_the_rights_that_count() -> None:
    """Telegram lists no rights for an owner, who has all of them."""
    state = read_member({"status": "creator", "is_anonymous": False})

    assert state.is_admin
    assert {"can_restrict_members", "can_delete_messages"} <= state.rights


def test_an_admin_has_the_rights_that_are_given() -> None:
    """A right that is false or left out is not there."""
    state = read_member({"status": "administrator", "can_restrict_members": True, "can_delete_messages": False})

    assert state.is_admin
    assert state.rights == {"can_restrict_members"}


@pytest.mark.parametrize("status", ["left", "kicked"])
def test_who_is_gone_is_no_member(status: str) -> None:
    """Neither who left nor who was banned."""
    assert not read_member({"status": status}).is_member


def test_a_plain_member_may_do_everything() -> None:
    """A member has no permissions of their own and no restriction."""
    state = read_member({"status": "member"})

    assert state.may_send
    assert state.restriction is None


def test_a_status_of_the_future_is_refused() -> None:
    """A guess about somebody's rights would be worse than an error."""
    with pytest.raises(ValueError, match="wizard"):
        read_member({"status": "wizard"})


@given(member_states)
def test_only_a_restricted_member_has_a_restriction(state: MemberState) -> None:
    """Bans, departures and admin rights are no restriction that could be put back."""
    assert (state.restriction is not None) == (state.role is Role.RESTRICTED)


@given(member_states)
def test_the_banned_may_not_send(state: MemberState) -> None:
    """Whatever their permissions say."""
    expected = state.role is not Role.BANNED and "can_send_messages" in state.permissions

    assert state.may_send == expected

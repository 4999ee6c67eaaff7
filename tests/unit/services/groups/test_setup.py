"""Protecting and unprotecting: what is checked, what is named, and that nothing is done by halves."""

from dataclasses import replace

import pytest

from bot.domain.consent import Answer, Ruling, Terms, rule
from bot.domain.errors import GateTakenError, TelegramRefusedError
from bot.domain.group import ChatInfo, ProtectedGroup
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement
from bot.services.groups.setup import Problem, Request
from tests.kits.world import ADMIN, ADMIN_STATE, BOT, GROUP, INSIDERS, LOUNGE, NEWS, STRANGER, World

_BOT_USER = UserId(BOT)


def _request(*references: str, **changes: object) -> Request:
    asked = Request(
        bot_id=BOT,
        group_id=GROUP,
        title="Lounge",
        username=None,
        basic_group=False,
        by=ADMIN,
        language="en",
        references=references,
    )
    return replace(asked, **changes)  # type: ignore[arg-type]  # names are the request's own


@pytest.fixture
def channels(world: World) -> World:
    """Let Telegram know a public and a private channel, and a group."""
    world.telegram.chats["@gm_news"] = ChatInfo(NEWS, "channel", "News", "gm_news", None)
    world.telegram.chats[INSIDERS] = ChatInfo(INSIDERS, "channel", "Insiders", None, None)
    world.telegram.chats["@chatter"] = ChatInfo(-7, "supergroup", "Chatter", "chatter", None)
    world.telegram.links[INSIDERS] = "https://t.me/+made"
    return world


def _keys(outcome: ProtectedGroup | tuple[Problem, ...]) -> list[str]:
    assert isinstance(outcome, tuple)
    return [problem.key for problem in outcome]


async def test_protection_takes_effect_at_once(channels: World) -> None:
    """When the answer is sent, this instance gates already and the others are told."""
    outcome = await channels.setup.protect(_request("@gm_news", str(INSIDERS)))

    assert isinstance(outcome, ProtectedGroup)
    assert [channel.join_url for channel in outcome.channels] == ["https://t.me/gm_news", "https://t.me/+made"]
    assert channels.directory.group(BOT, GROUP) == outcome
    assert channels.pokes == 1


@pytest.mark.parametrize("typed", ["@gm_news", "gm_news", "t.me/gm_news", "https://t.me/gm_news", " @gm_news "])
async def test_a_channel_may_be_named_in_many_ways(channels: World, typed: str) -> None:
    """A name, a link, with or without its ornaments."""
    outcome = await channels.setup.protect(_request(typed))

    assert isinstance(outcome, ProtectedGroup)
    assert outcome.channel_ids == (NEWS,)


async def test_a_channel_named_twice_counts_once(channels: World) -> None:
    """In whatever ways it was named."""
    outcome = await channels.setup.protect(_request("@gm_news", "t.me/gm_news", "@gm_news"))

    assert isinstance(outcome, ProtectedGroup)
    assert outcome.channel_ids == (NEWS,)


async def test_the_link_that_the_group_has_is_kept(channels: World) -> None:
    """A new one is made only where there is none; whose link it is can be told by its name."""
    channels.owners.known[NEWS, GROUP] = Terms(invite_link="https://t.me/+own")

    outcome = await channels.setup.protect(_request("@gm_news", str(INSIDERS), title="The  Lounge of\nEverybody " * 3))

    assert isinstance(outcome, ProtectedGroup)
    assert [channel.join_url for channel in outcome.channels] == ["https://t.me/+own", "https://t.me/+made"]
    assert channels.telegram.called("invite_link") == [(INSIDERS, "The Lounge of Everybody The Loun")]


@pytest.mark.parametrize(
    ("terms", "in_use", "decides", "ruling"),
    [
        (Terms(), False, False, Ruling.YES),
        (Terms(consent=True), False, False, Ruling.ASK),
        (Terms(consent=True, answer=Answer.ASKED), False, False, Ruling.ASK),
        (Terms(consent=True, answer=Answer.ALLOWED), False, False, Ruling.YES),
        (Terms(consent=True), True, False, Ruling.YES),
        (Terms(consent=True), False, True, Ruling.YES),
        (Terms(answer=Answer.VETOED), True, True, Ruling.NO),
        (Terms(consent=True, answer=Answer.VETOED), True, True, Ruling.NO),
    ],
)
def test_who_may_require_a_channel(terms: Terms, ruling: Ruling, *, in_use: bool, decides: bool) -> None:
    """A veto stands above all; to ask first is for newcomers, and for those who could not answer themselves."""
    assert rule(terms, in_use=in_use, decides=decides) is ruling


async def test_an_owner_who_cannot_be_written_to_is_asked_once(channels: World) -> None:
    """The question stands in their panel; a second try asks nobody again."""
    channels.telegram.states[NEWS, ADMIN] = replace(ADMIN_STATE, rights=frozenset())
    channels.owners.known[NEWS, GROUP] = Terms(consent=True, contact=STRANGER)
    await channels.configure(replace(LOUNGE, protected=False))
    channels.telegram.fail("send", TelegramRefusedError(method="x", description="bot can't initiate conversation"))
    first = await channels.setup.protect(_request("@gm_news"))
    channels.owners.known[NEWS, GROUP] = Terms(consent=True, contact=STRANGER, answer=Answer.ASKED)
    second = await channels.setup.protect(_request("@gm_news"))

    assert _keys(first) == _keys(second) == ["setup.consent"]
    assert channels.owners.answers == [(NEWS, GROUP, Answer.ASKED, ADMIN)]


async def test_without_the_right_to_invite_there_is_no_link(channels: World) -> None:
    """The channel guards all the same; the prompt then names it without a button."""
    channels.telegram.fail("invite_link", TelegramRefusedError(method="x", description="not enough rights"))

    outcome = await channels.setup.protect(_request(str(INSIDERS)))

    assert isinstance(outcome, ProtectedGroup)
    assert outcome.channels[0].join_url is None


async def test_in_a_basic_group_only_deleting_is_possible(channels: World) -> None:
    """Telegram has no restrictions there, so that right is not asked for."""
    channels.telegram.states[GROUP, _BOT_USER] = replace(ADMIN_STATE, rights=frozenset({"can_delete_messages"}))

    outcome = await channels.setup.protect(_request("@gm_news", basic_group=True))

    assert isinstance(outcome, ProtectedGroup)
    assert outcome.enforcement is Enforcement.DELETE


async def test_everything_that_is_missing_is_named_at_once(channels: World) -> None:
    """Rights and channels together, so that the admin comes back once; and nothing is changed."""
    channels.telegram.states[GROUP, _BOT_USER] = replace(ADMIN_STATE, rights=frozenset())
    before = channels.store.seq

    outcome = await channels.setup.protect(_request("@nowhere", "@chatter"))

    assert _keys(outcome) == [
        "setup.missing.can_restrict_members",
        "setup.missing.can_delete_messages",
        "setup.channel_not_found",
        "setup.not_a_channel",
    ]
    assert channels.store.seq == before


async def test_a_bot_that_is_no_admin_says_only_that(channels: World) -> None:
    """Its rights come with it."""
    channels.telegram.states[GROUP, _BOT_USER] = MemberState(Role.MEMBER)

    assert _keys(await channels.setup.protect(_request("@gm_news"))) == ["setup.bot_not_admin"]


async def test_the_bot_has_to_see_who_is_in_the_channel(channels: World) -> None:
    """Without being its admin it would not learn who joins and leaves."""
    channels.telegram.states[NEWS, _BOT_USER] = MemberState(Role.MEMBER)

    assert await channels.setup.protect(_request("@gm_news")) == (
        Problem("setup.bot_not_in_channel", {"channel": "News"}),
    )


async def test_a_channel_that_does_not_show_the_bot_is_one_it_is_not_in(channels: World) -> None:
    """Telegram refuses to tell the members of other people's channels."""
    refusal = TelegramRefusedError(method="getChatMember", description="member list is inaccessible")
    # The first question of this method is about the group.
    seen: list[str] = []

    async def refuse_the_second(name: str) -> None:
        if name == "member_state":
            seen.append(name)
            if len(seen) == 2:
                raise refusal

    channels.telegram.hook = refuse_the_second

    assert _keys(await channels.setup.protect(_request("@gm_news"))) == ["setup.bot_not_in_channel"]


@pytest.mark.parametrize("state", [MemberState(Role.MEMBER), MemberState(Role.LEFT, is_member=False)])
async def test_nobody_uses_a_channel_that_is_not_theirs(channels: World, state: MemberState) -> None:
    """The caller has to be an admin of it: else anybody could make a gate of anybody's channel."""
    channels.telegram.states[NEWS, ADMIN] = state

    assert _keys(await channels.setup.protect(_request("@gm_news"))) == ["setup.caller_not_in_channel"]


async def test_a_group_that_another_bot_guards_is_left_to_it(channels: World) -> None:
    """Two gates would fight over the members."""
    taken = replace(LOUNGE, bot_id=BotId(43), group_id=GroupId(-1009))
    channels.groups.put(taken)
    channels.telegram.states[taken.group_id, _BOT_USER] = ADMIN_STATE

    with pytest.raises(GateTakenError):
        await channels.setup.protect(_request("@gm_news", group_id=taken.group_id))


async def test_new_channels_make_open_cases_worth_a_look(channels: World) -> None:
    """Who was muted for a channel that is no longer required goes free."""
    await channels.speak(STRANGER)
    await channels.work()
    channels.telegram.in_channel[NEWS].add(STRANGER)

    await channels.setup.protect(_request("@gm_news"))
    await channels.work()

    assert channels.woken == [channels.row().case.case_id]
    assert not channels.muted(STRANGER)


async def test_unprotecting_frees_everybody(channels: World) -> None:
    """The gate is open at once, and whoever GMBot muted is freed."""
    await channels.speak(STRANGER)
    await channels.work()
    assert channels.muted(STRANGER)

    freed = await channels.setup.unprotect(BOT, GROUP, ADMIN)
    await channels.work()

    group = channels.directory.group(BOT, GROUP)
    assert freed == 1
    assert group is not None
    assert not group.gating
    assert not channels.muted(STRANGER)
    assert channels.store.audit == [("unprotect", GROUP, ADMIN)]


async def test_what_is_not_protected_cannot_be_unprotected(channels: World) -> None:
    """The admin is told so."""
    assert await channels.setup.unprotect(BOT, GroupId(-99), ADMIN) is None


@pytest.mark.parametrize(
    ("state", "may"),
    [
        (MemberState(Role.OWNER, rights=frozenset({"can_restrict_members"})), True),
        (MemberState(Role.ADMIN, rights=frozenset({"can_restrict_members"})), True),
        (MemberState(Role.ADMIN, rights=frozenset({"can_delete_messages"})), False),
        (MemberState(Role.MEMBER), False),
        (MemberState(Role.LEFT, is_member=False), False),
    ],
)
async def test_who_may_configure(world: World, state: MemberState, *, may: bool) -> None:
    """The owner, and admins who may restrict members; asked of Telegram each time."""
    world.telegram.states[GROUP, STRANGER] = state

    assert await world.setup.may_configure(BOT, GROUP, STRANGER) is may


async def test_status_counts_whom_the_gate_keeps_silent(channels: World) -> None:
    """With everything in order it names no problem."""
    await channels.speak(STRANGER)
    await channels.work()

    status = await channels.setup.status(BOT, GROUP)

    assert status is not None
    assert (status.group, status.muted, status.problems) == (LOUNGE, 1, ())


async def test_status_names_what_is_missing(channels: World) -> None:
    """Rights in the group and in each channel."""
    channels.telegram.states[GROUP, _BOT_USER] = replace(ADMIN_STATE, rights=frozenset({"can_delete_messages"}))
    channels.telegram.states[INSIDERS, _BOT_USER] = MemberState(Role.MEMBER)

    status = await channels.setup.status(BOT, GROUP)

    assert status is not None
    assert status.problems == (
        Problem("setup.missing.can_restrict_members", {}),
        Problem("setup.bot_not_in_channel", {"channel": "Insiders"}),
    )


async def test_what_is_not_protected_has_no_status(channels: World) -> None:
    """Never protected, or not any more."""
    await channels.setup.unprotect(BOT, GROUP, ADMIN)

    assert await channels.setup.status(BOT, GROUP) is None
    assert await channels.setup.status(BOT, GroupId(-99)) is None


async def test_a_group_is_followed_to_its_supergroup(world: World) -> None:
    """Twice told is once done; under the new id members can be muted."""
    await world.configure(replace(LOUNGE, basic_group=True))
    new = GroupId(-100_500)
    await world.setup.moved(BOT, GROUP, new)
    await world.setup.moved(BOT, GROUP, new)

    group = world.directory.group(BOT, new)
    assert group is not None
    assert group.gating
    assert group.enforcement is Enforcement.MUTE

"""What the gate lets through without anybody looking at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import TELEGRAM_SERVICE, BotId, ChannelId, GroupId, UserId
from bot.domain.membership import Membership, Require
from bot.domain.policy import ChannelPosts, Edits, Enforcement, Policy
from bot.ingress.gate import Gate
from bot.ingress.parse import Parser

BOT, GROUP, USER = BotId(1), GroupId(-1001), UserId(7)
NEWS, INSIDERS = ChannelId(-1002), ChannelId(-1003)
PROTECTED = ProtectedGroup(
    bot_id=BOT,
    group_id=GROUP,
    title="Lounge",
    username=None,
    channels=tuple(Channel(channel, "A channel", None, None) for channel in (NEWS, INSIDERS)),
    configured_by=UserId(1),
)
CHAT: dict[str, object] = {"id": GROUP, "type": "supergroup"}
SENDER: dict[str, object] = {"id": USER, "is_bot": False}
PARSER = Parser()


@dataclass
class World:
    """The gate's surroundings."""

    groups: dict[GroupId, ProtectedGroup] = field(default_factory=lambda: {GROUP: PROTECTED})
    known: dict[ChannelId, Membership] = field(default_factory=dict)
    seen: list[UserId] = field(default_factory=list)

    def group(self, bot: BotId, group: GroupId) -> ProtectedGroup | None:
        return self.groups.get(group) if bot == BOT else None

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        return self.known.get(channel) if (bot, user) == (BOT, USER) else None

    def sighted(self, bot: BotId, group: GroupId, user: UserId) -> None:
        assert (bot, group) == (BOT, GROUP)
        self.seen.append(user)

    def passes(self, update: Mapping[str, object], bot: BotId = BOT) -> str | None:
        """Ask the gate about an update as it comes over the wire."""
        gate = Gate(groups=self, memory=self, sightings=self)
        return gate.passes(bot, PARSER.head(msgspec.json.encode({"update_id": 1, **update})))


def member() -> World:
    """Return a world that knows the user as a member of everything."""
    return World(known={NEWS: Membership.MEMBER, INSIDERS: Membership.MEMBER})


def message(**fields: object) -> dict[str, object]:
    """Return a message of the user to the group."""
    return {"message": {"chat": CHAT, "from": SENDER, "text": "hello", **fields}}


def test_a_known_member_passes_and_is_noted() -> None:
    """Somebody known to be in every channel passes, and counts as active."""
    world = member()

    assert world.passes(message()) == "verified"
    assert world.seen == [USER]


@pytest.mark.parametrize("field_name", ["message", "edited_message"])
def test_an_edit_is_gated_like_a_message(field_name: str) -> None:
    """What may not be said may not be edited in either."""
    update = {field_name: message()["message"]}

    assert World().passes(update) is None
    assert member().passes(update) == "verified"


@pytest.mark.parametrize(
    "update",
    [
        message(text="/protect @gm_news"),
        message(text="/"),
        message(migrate_to_chat_id=-1009),
        message(migrate_from_chat_id=-1009),
        message(chat={"id": USER, "type": "private"}),
        message(chat={"id": GROUP, "type": "channel"}),
        message(chat={"id": GROUP, "type": "something new"}),
        {"callback_query": {}},
        {"my_chat_member": {}},
        {"chat_member": {}},
        {"chat_join_request": {}},
        {"poll": {}},
        {},
    ],
)
def test_the_gate_leaves_alone_what_is_not_its_business(update: dict[str, object]) -> None:
    """Commands, moves, private messages and every other kind of update go to the handlers, even a member's."""
    assert member().passes(update) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"sender_chat": {"id": GROUP, "type": "supergroup"}},
        {"sender_chat": {"id": NEWS, "type": "channel"}},
        {"from": {"id": 99, "is_bot": True}},
        {"from": {"id": TELEGRAM_SERVICE, "is_bot": False}},
        {"from": None},
    ],
)
def test_whoever_has_no_membership_to_ask_for_is_exempt(fields: dict[str, object]) -> None:
    """Anonymous admins, channels, bots and Telegram itself are never gated."""
    assert World().passes(message(**fields)) == "exempt"


@pytest.mark.parametrize("fields", [{"new_chat_members": [{"id": 8}]}, {"left_chat_member": {"id": 8}}])
def test_news_of_coming_and_going_passes(fields: dict[str, object]) -> None:
    """A service message says nothing that `chat_member` does not say better."""
    assert World().passes(message(text=None, **fields)) == "service"


@pytest.mark.parametrize("fields", [{"new_chat_members": None}, {"new_chat_members": []}, {"left_chat_member": None}])
def test_a_field_that_is_there_but_empty_opens_nothing(fields: dict[str, object]) -> None:
    """A stranger's message with an empty service field is a stranger's message."""
    assert World().passes(message(**fields)) is None


@pytest.mark.parametrize(
    "group", [None, replace(PROTECTED, protected=False), replace(PROTECTED, paused_reason="rights_lost")]
)
def test_a_group_that_is_not_gated_passes_everybody(group: ProtectedGroup | None) -> None:
    """No gate, no look at anybody, no note of who was there."""
    world = World(groups={} if group is None else {GROUP: group})

    assert world.passes(message()) == "unprotected"
    assert world.seen == []


def test_another_bots_group_is_not_gated_by_this_one() -> None:
    """What one hosted bot guards is nothing to the others."""
    assert World().passes(message(), bot=BotId(2)) == "unprotected"


answers = st.dictionaries(st.sampled_from([NEWS, INSIDERS]), st.sampled_from(Membership))


@given(known=answers, extra=st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers(), max_size=4))
def test_only_known_membership_in_every_channel_passes(
    known: dict[ChannelId, Membership], extra: dict[str, object]
) -> None:
    """A message passes as verified exactly when every required channel is known as joined; doubt is looked into."""
    world = World(known=known)
    unknown_fields = {f"x_{name}": value for name, value in extra.items()}
    passed = world.passes(message(**unknown_fields))
    joined = all(known.get(channel) is Membership.MEMBER for channel in (NEWS, INSIDERS))

    assert passed == ("verified" if joined else None)
    assert world.seen == ([USER] if joined else [])


def _under(world: World, policy: Policy, **changes: object) -> World:
    """Have the group go by a policy."""
    world.groups[GROUP] = replace(PROTECTED, policy=policy, **changes)  # type: ignore[arg-type]  # names are its own
    return world


def test_one_channel_is_enough_where_any_will_do() -> None:
    """The others are not even looked at."""
    policy = Policy(require=Require.ANY)

    assert _under(World(known={INSIDERS: Membership.MEMBER}), policy).passes(message()) == "verified"
    assert _under(World(known={NEWS: Membership.ABSENT}), policy).passes(message()) is None


def test_who_is_exempt_passes() -> None:
    """Without a look at any membership."""
    assert _under(World(), Policy(), exempt=frozenset({USER})).passes(message()) == "exempt"


def test_edits_pass_where_they_are_not_judged() -> None:
    """Messages do not."""
    world = _under(World(), Policy(edits=Edits.IGNORE))

    assert world.passes({"edited_message": message()["message"]}) == "edit"
    assert world.passes(message()) is None


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({"sender_chat": {"id": -3001, "type": "channel"}}, None),
        ({"sender_chat": {"id": -3001, "type": "channel"}, "is_automatic_forward": True}, "exempt"),
        ({"sender_chat": {"id": NEWS, "type": "channel"}}, "exempt"),
        ({"sender_chat": {"id": GROUP, "type": "supergroup"}}, "exempt"),
    ],
)
def test_posts_as_a_channel_are_looked_at_by_choice(fields: dict[str, object], passes: str | None) -> None:
    """Forwards of the linked channel, required channels and anonymous admins always pass; nothing while observing."""
    policy = Policy(channel_posts=ChannelPosts.REMOVE)

    assert _under(World(), policy).passes(message(**fields)) == passes
    assert _under(World(), replace(policy, enforcement=Enforcement.OBSERVE)).passes(message(**fields)) == "exempt"

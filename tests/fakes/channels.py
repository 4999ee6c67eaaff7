"""What the owners of channels have said, in memory. What a veto does to a group is shown against PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.consent import Answer, OwnChannel, Stopped, Terms
from bot.domain.ids import BotId, ChannelId, GroupId, UserId


@dataclass(slots=True)
class FakeChannels:
    """Terms as a test sets them."""

    known: dict[tuple[ChannelId, GroupId], Terms] = field(default_factory=dict)
    answers: list[tuple[ChannelId, GroupId, Answer, UserId]] = field(default_factory=list)

    async def terms(self, _: BotId, channel: ChannelId, group: GroupId) -> Terms:
        return self.known.get((channel, group), Terms())

    async def known_to(self, _: BotId, user: UserId, limit: int) -> Sequence[tuple[ChannelId, str]]:
        del user, limit
        return ()

    async def card(self, _: BotId, channel: ChannelId, limit: int) -> OwnChannel | None:
        del channel, limit
        return None

    async def given(self, _: BotId, channel: ChannelId, title: str, username: str | None, by: UserId) -> None:
        del channel, title, username, by

    async def set_consent(self, _: BotId, channel: ChannelId, by: UserId, *, consent: bool) -> None:
        del channel, by, consent

    async def answer(
        self, _: BotId, channel: ChannelId, group: GroupId, title: str, answer: Answer, by: UserId
    ) -> Stopped | None:
        del title
        self.answers.append((channel, group, answer, by))
        return None

"""One type per identifier, so that a group cannot be passed where a user is meant."""

from typing import NewType
from uuid import UUID

BotId = NewType("BotId", int)
UserId = NewType("UserId", int)
GroupId = NewType("GroupId", int)
ChannelId = NewType("ChannelId", int)
MessageId = NewType("MessageId", int)
EphemeralId = NewType("EphemeralId", int)
UpdateId = NewType("UpdateId", int)
TopicId = NewType("TopicId", int)
CaseId = NewType("CaseId", int)
InstanceId = NewType("InstanceId", UUID)

# Accounts that Telegram itself uses as a sender; none of them can be asked to join anything.
# (core.telegram.org/bots/api and TDLib UserManager.cpp)
TELEGRAM_SERVICE = UserId(777000)
GROUP_ANONYMOUS_BOT = UserId(1087968824)
CHANNEL_BOT = UserId(136817688)

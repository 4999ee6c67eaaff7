"""What the acceptance tests of known mistakes share: waiting for the end of all work, and reading a prompt."""

from bot.simulator import Chat, Message, User
from bot.simulator.model import JsonObject
from tests.kits.platform import Lounge, Platform, eventually


async def finished(lounge: Lounge, platform: Platform) -> None:
    """Wait until all updates are acknowledged and nobody works on a case any more."""
    await lounge.settled()
    await platform.at_rest()
    await lounge.settled()


def restricted(lounge: Lounge) -> list[object]:
    """Return the users the bot has tried to restrict or free, in order."""
    return [call.params["user_id"] for call in lounge.calls("restrictChatMember")]


def stands(lounge: Lounge, message: Message) -> bool:
    """Whether a message has not been deleted."""
    return any(each.id == message.id for each in lounge.sim.messages(message.chat))


def from_bot(lounge: Lounge, chat: Chat | None = None) -> list[Message]:
    """Return the bot's messages that stand."""
    return [each for each in lounge.sim.messages(chat or lounge.group) if each.author is lounge.bot]


def prompts(lounge: Lounge, chat: Chat | None = None) -> list[Message]:
    """Return the prompts that stand: messages of the bot with the button that verifies."""
    return [
        each for each in from_bot(lounge, chat) if any(button.get("callback_data") == "v" for button in buttons(each))
    ]


def buttons(message: Message) -> list[JsonObject]:
    """Return a message's buttons, row by row."""
    rows = (message.buttons or {}).get("inline_keyboard")
    return [button for row in rows for button in row] if isinstance(rows, list) else []


async def gated(lounge: Lounge, platform: Platform, user: User, text: str = "hello") -> Message:
    """Have somebody speak who may not, wait until all that follows is done, and return the prompt."""
    lounge.sim.say(user, lounge.group, text)
    await lounge.until_muted(user)
    await finished(lounge, platform)
    return prompts(lounge)[-1]


async def seen(lounge: Lounge, platform: Platform, user: User) -> None:
    """Have a member write and pass the gate: with the second word, where the first one's question came back late."""
    for word in ("good", "morning"):
        lounge.sim.say(user, lounge.group, word)
        await finished(lounge, platform)


async def choose(lounge: Lounge, platform: Platform, *choices: str) -> None:
    """Have the owner choose settings, and wait until all that follows is done."""
    sent = lounge.sim.say(lounge.owner, lounge.group, "/settings " + " ".join(choices)).id
    await eventually(lambda: any(each.id > sent for each in from_bot(lounge)), "an answer to /settings")
    await finished(lounge, platform)


async def said(lounge: Lounge, platform: Platform, text: str = "hello") -> Message:
    """Have the stranger say something and wait until all that follows is done."""
    message = lounge.sim.say(lounge.stranger, lounge.group, text)
    await finished(lounge, platform)
    return message

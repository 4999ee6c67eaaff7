"""Ready-made worlds for demonstrations and tests."""

from dataclasses import dataclass

from .model import Bot, Chat, User
from .simulator import Simulator

# The same at each start, so that no database collects bots that are gone.
DEMO_TOKEN = "6000000001:SIMulatedBotOfTheDemonstration00000"  # noqa: S105 - no secret


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Two channels, one group, four people and the bot, ready for `/protect @gm_news`; beside it a group without it."""

    bot: Bot
    olivia: User
    adam: User
    mia: User
    sam: User
    news: Chat
    insiders: Chat
    lounge: Chat


def demo_world(simulator: Simulator, *, token: str | None = None) -> DemoWorld:
    """Build the demonstration and remember it for resets; Adam or Olivia say `/protect @gm_news` in the group."""
    bot = simulator.add_bot(username="gm_demo_bot", first_name="GMBot", token=token)
    olivia = simulator.add_user("Olivia", "olivia")
    adam = simulator.add_user("Adam", "adam")
    mia = simulator.add_user("Mia", "mia")
    sam = simulator.add_user("Sam")
    news = simulator.add_channel("GM News", owner=olivia, username="gm_news")
    insiders = simulator.add_channel("GM Insiders", owner=olivia)
    lounge = simulator.add_group("GM Lounge", owner=olivia)
    for chat in (news, insiders):
        simulator.promote(chat, bot, can_invite_users=True, can_post_messages=True)
        simulator.join(adam, chat)
        simulator.promote(chat, adam)
        simulator.join(mia, chat)
    simulator.add_member(lounge, bot)
    simulator.promote(
        lounge,
        bot,
        can_restrict_members=True,
        can_delete_messages=True,
        can_invite_users=True,
        can_pin_messages=True,
    )
    for member in (adam, mia, sam):
        simulator.join(member, lounge)
    simulator.promote(lounge, adam)
    # Nobody has told the bot of these: Olivia adds it to them, without typing.
    club = simulator.add_group("Book Club", owner=olivia)
    simulator.join(sam, club)
    simulator.add_channel("Book News", owner=olivia)
    simulator.post(news, "Welcome to GM News. The next meet-up is on Friday.")
    simulator.post(insiders, "Insiders hear it first.")
    simulator.say(mia, lounge, "Hello everybody!")
    simulator.forget_updates()
    simulator.remember()
    return DemoWorld(bot, olivia, adam, mia, sam, news, insiders, lounge)

"""A world to look at through the chat page, and a hand which plays the bot in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from bot.simulator import Bot, Chat, Simulator, User
from tests.kits.platform import eventually
from tests.kits.simulator import PERMISSIONS

MUTE = {"can_send_messages": False}
FREE = dict.fromkeys(PERMISSIONS, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lounge:
    """A group with an owner, an admin, a member and a stranger, a public and a private channel, and a bot."""

    sim: Simulator
    http: aiohttp.ClientSession
    bot: Bot
    olivia: User
    adam: User
    mia: User
    sam: User
    group: Chat
    news: Chat
    insiders: Chat

    def seen_by(self, person: User, chat: Chat | None = None) -> str:
        """Return the page's address as one person, in the group or another chat."""
        return f"{self.sim.url}/#{person.id}/{(chat or self.group).id}"

    async def call(self, method: str, **params: object) -> object:
        """Ask the Bot API as the bot, and return the result."""
        url = f"{self.sim.url}/bot{self.bot.token}/{method}"
        async with self.http.post(url, json=params) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return answer["result"]

    async def mute(self, person: User) -> None:
        """Mute for three hundred days, as the gate does."""
        until = int(self.sim.clock.now()) + 300 * 86_400
        await self.call(
            "restrictChatMember", chat_id=self.group.id, user_id=person.id, permissions=MUTE, until_date=until
        )

    async def free(self, person: User) -> None:
        """Give all permissions back."""
        await self.call("restrictChatMember", chat_id=self.group.id, user_id=person.id, permissions=FREE)

    async def prompt(self, text: str = "Join the channel first.", **params: object) -> object:
        """Send a prompt with a link to the channel and a button."""
        keys = [
            [{"text": "Join GM News", "url": "https://t.me/gm_news"}],
            [{"text": "I have joined", "callback_data": "verify", "style": "success"}],
        ]
        return await self.call(
            "sendMessage", chat_id=self.group.id, text=text, reply_markup={"inline_keyboard": keys}, **params
        )

    async def answer_press(self, text: str, *, show_alert: bool = False) -> None:
        """Answer the latest press, when it has come."""

        def presses() -> list[object]:
            return [update["callback_query"] for update in self.sim.updates(self.bot) if "callback_query" in update]

        await eventually(lambda: bool(presses()), "a press")
        latest = presses()[-1]
        assert isinstance(latest, dict)
        await self.call("answerCallbackQuery", callback_query_id=latest["id"], text=text, show_alert=show_alert)


@asynccontextmanager
async def open_lounge() -> AsyncIterator[Lounge]:
    """Serve the world until the block ends."""
    sim = Simulator(seed=1)
    async with sim.serving(host="127.0.0.1", port=0), aiohttp.ClientSession() as http:
        olivia, adam, mia, sam = (sim.add_user(name) for name in ("Olivia", "Adam", "Mia", "Sam"))
        bot = sim.add_bot(username="gate_bot", first_name="Gate")
        news = sim.add_channel("GM News", username="gm_news", owner=olivia)
        insiders = sim.add_channel("GM Insiders", username=None, owner=olivia)
        group = sim.add_group("GM Lounge", owner=olivia, username=None, kind="supergroup")
        for person in (adam, mia, sam):
            sim.add_member(group, person, by=olivia)
        for channel in (news, insiders):
            sim.add_member(channel, mia, by=olivia)
        sim.promote(
            group, adam, by=olivia, can_restrict_members=True, can_delete_messages=True, can_promote_members=True
        )
        sim.add_member(group, bot, by=olivia)
        sim.promote(group, bot, by=olivia, can_restrict_members=True, can_delete_messages=True, can_invite_users=True)
        sim.promote(news, bot, by=olivia, can_invite_users=True)
        yield Lounge(
            sim=sim,
            http=http,
            bot=bot,
            olivia=olivia,
            adam=adam,
            mia=mia,
            sam=sam,
            group=group,
            news=news,
            insiders=insiders,
        )

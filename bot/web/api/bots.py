"""Bots, by the API."""

from typing import Any

from bot.domain.api import Scope
from bot.web.api.asked import NewBot, NewToken, Nothing, Owner, Removal, Stopping
from bot.web.api.operations import Call, Operation
from bot.web.api.shapes import Bot, Changed, Rows, Webhook
from bot.web.api.views import bot_shape, webhook_shape
from bot.web.desk import Desk


class Bots:
    """Lists, adds, stops, rotates and removes bots."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk.bots
        self._owners = desk.owners

    def operations(self) -> list[Operation[Any, Any]]:
        """Return them all."""
        one, admin = "/bots/{bot}", Scope.ADMIN
        return [
            Operation(
                "list_bots", "GET", "/bots", Scope.READ, "List the bots", Nothing, Nothing, Rows[Bot], self._list
            ),
            Operation(
                "add_bot", "POST", "/bots", admin, "Host another bot", Nothing, NewBot, Bot, self._add, 201, (409, 503)
            ),
            Operation("show_bot", "GET", one, Scope.READ, "Show a bot", Nothing, Nothing, Bot, self._show),
            Operation(
                "show_webhook",
                "GET",
                f"{one}/webhook",
                Scope.READ,
                "Show what Telegram knows of a bot's webhook",
                Nothing,
                Nothing,
                Webhook,
                self._webhook,
                faults=(409,),
            ),
            Operation(
                "enable_bot", "POST", f"{one}/enable", admin, "Serve a bot again", Nothing, Nothing, Bot, self._enable
            ),
            Operation(
                "disable_bot",
                "POST",
                f"{one}/disable",
                admin,
                "Free everybody a bot muted, and stop it",
                Nothing,
                Stopping,
                Bot,
                self._disable,
                faults=(409,),
            ),
            Operation(
                "rotate_secret",
                "POST",
                f"{one}/rotate-secret",
                admin,
                "Give a bot's webhook another secret",
                Nothing,
                Nothing,
                Bot,
                self._rotate_secret,
                faults=(409,),
            ),
            Operation(
                "rotate_token",
                "POST",
                f"{one}/rotate-token",
                admin,
                "Use another token of the same bot",
                Nothing,
                NewToken,
                Bot,
                self._rotate_token,
                faults=(409, 503),
            ),
            Operation(
                "remove_bot",
                "DELETE",
                one,
                admin,
                "Free everybody a bot muted, and forget the bot",
                Removal,
                Nothing,
                None,
                self._remove,
                204,
                (409, 503),
            ),
            Operation(
                "list_owners",
                "GET",
                f"{one}/owners",
                Scope.READ,
                "List whose a bot is",
                Nothing,
                Nothing,
                Rows[Owner],
                self._whose,
            ),
            Operation(
                "add_owner",
                "POST",
                f"{one}/owners",
                admin,
                "Let somebody see and run this bot alone",
                Nothing,
                Owner,
                Changed,
                self._own,
            ),
            Operation(
                "remove_owner",
                "DELETE",
                f"{one}/owners/{{user}}",
                admin,
                "Take the bot from somebody",
                Nothing,
                Nothing,
                Changed,
                self._disown,
            ),
        ]

    async def _whose(self, call: Call, _: Nothing, __: Nothing) -> object:
        owners = await self._owners.owners(call.who, (await call.bot()).bot_id)
        return Rows(items=tuple(Owner(user=user) for user in owners), next=None)

    async def _own(self, call: Call, _: Nothing, body: Owner) -> object:
        return Changed(changed=await self._owners.add(call.who, (await call.bot()).bot_id, body.user))

    async def _disown(self, call: Call, _: Nothing, __: Nothing) -> object:
        bot, user = await call.bot(), call.number("user")
        return Changed(changed=await self._owners.remove(call.who, bot.bot_id, user))

    async def _list(self, call: Call, _: Nothing, __: Nothing) -> object:
        return Rows(items=tuple(bot_shape(bot) for bot in await self._desk.bots(call.who)), next=None)

    async def _add(self, call: Call, _: Nothing, body: NewBot) -> object:
        return bot_shape(await self._desk.add(call.who, body.token, name=body.name))

    async def _show(self, call: Call, _: Nothing, __: Nothing) -> object:
        return bot_shape(await call.bot())

    async def _webhook(self, call: Call, _: Nothing, __: Nothing) -> object:
        return webhook_shape(await self._desk.delivery(call.who, (await call.bot()).bot_id))

    async def _enable(self, call: Call, _: Nothing, __: Nothing) -> object:
        await self._desk.enable(call.who, (await call.bot()).bot_id)
        return bot_shape(await call.bot())

    async def _disable(self, call: Call, _: Nothing, body: Stopping) -> object:
        await self._desk.disable(call.who, (await call.bot()).bot_id, at_once=body.at_once)
        return bot_shape(await call.bot())

    async def _rotate_secret(self, call: Call, _: Nothing, __: Nothing) -> object:
        await self._desk.rotate_secret(call.who, (await call.bot()).bot_id)
        return bot_shape(await call.bot())

    async def _rotate_token(self, call: Call, _: Nothing, body: NewToken) -> object:
        await self._desk.rotate_token(call.who, (await call.bot()).bot_id, body.token)
        return bot_shape(await call.bot())

    async def _remove(self, call: Call, query: Removal, _: Nothing) -> object:
        await self._desk.remove(call.who, (await call.bot()).bot_id, abandon=query.abandon)
        return None

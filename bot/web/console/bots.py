"""The bots of the deployment."""

from starlette.requests import Request
from starlette.responses import Response

from bot.domain import links
from bot.domain.errors import InvalidInputError
from bot.domain.ids import BotId
from bot.services.operating.access import Session
from bot.web.console.doors import number
from bot.web.console.page import Pages, told


class Bots:
    """Lists, adds, stops, rotates and removes bots."""

    def __init__(self, *, pages: Pages) -> None:
        self._pages = pages
        self._desk = pages.parts.desk.bots
        self._owners = pages.parts.desk.owners

    async def list(self, request: Request, session: Session) -> Response:
        """Show all bots."""
        bots = await self._desk.bots(session.operator)
        return self._pages.show(request, session, "bots", bots=bots, is_demo=self._pages.parts.is_demo)

    async def add(self, request: Request, session: Session) -> Response:
        """Host another bot."""
        form = await request.form()
        bot = await self._desk.add(
            session.operator, str(form.get("token", "")), name=str(form.get("name", "")).strip() or None
        )
        return told(request, f"bots/{bot.bot_id}", "added")

    async def show(self, request: Request, session: Session) -> Response:
        """Show one bot."""
        bot = await self._desk.find(session.operator, str(number(request.path_params["bot"], "bot")))
        owners = await self._owners.owners(session.operator, bot.bot_id)
        return self._pages.show(
            request,
            session,
            "bot",
            bot=bot,
            owners=owners,
            to_a_group=links.add_to_group(bot.username),
            is_demo=self._pages.parts.is_demo,
        )

    async def delivery(self, request: Request, session: Session) -> Response:
        """Show what Telegram knows of the bot's webhook. It comes when the page is there, as it has to be asked for."""
        bot = BotId(number(request.path_params["bot"], "bot"))
        found = await self._desk.delivery(session.operator, bot)
        return self._pages.show(request, session, "delivery", found=found)

    async def own(self, request: Request, session: Session) -> Response:
        """Give the bot to somebody, or take it from them."""
        who, form = session.operator, await request.form()
        bot, user = BotId(number(request.path_params["bot"], "bot")), number(form.get("user", ""), "user")
        if form.get("sure") == "remove":
            removed = await self._owners.remove(who, bot, user)
            return told(request, f"bots/{bot}", "owner-gone" if removed else "already")
        return told(request, f"bots/{bot}", "owner" if await self._owners.add(who, bot, user) else "already")

    async def act(self, request: Request, session: Session) -> Response:
        """Do something to a bot."""
        who, form = session.operator, await request.form()
        bot, sure = BotId(number(request.path_params["bot"], "bot")), form.get("sure") == "yes"
        match request.path_params["action"]:
            case "enable":
                await self._desk.enable(who, bot)
                return told(request, f"bots/{bot}", "enabled")
            case "disable":
                await self._desk.disable(who, bot, at_once=sure)
                return told(request, f"bots/{bot}", "disabled")
            case "rotate-secret":
                await self._desk.rotate_secret(who, bot)
                return told(request, f"bots/{bot}", "secret")
            case "rotate-token":
                await self._desk.rotate_token(who, bot, str(form.get("token", "")))
                return told(request, f"bots/{bot}", "token")
            case "remove":
                await self._desk.remove(who, bot, abandon=sure)
                return told(request, "bots", "removed")
            case _:
                raise InvalidInputError("action", "there is no such action")

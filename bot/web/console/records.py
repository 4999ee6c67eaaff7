"""What was decided, changed, counted and given up."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from bot.domain.errors import InvalidInputError
from bot.domain.ids import BotId, GroupId, UserId
from bot.services.operating.access import Session
from bot.services.operating.lists import EventQuery
from bot.services.operating.log_level import LEVELS
from bot.web.console.doors import number
from bot.web.console.page import Pages, chosen_bot, told


class Records:
    """Shows what is known of channels, decisions, changes, work and settings."""

    def __init__(self, *, pages: Pages) -> None:
        self._pages = pages
        self._parts = pages.parts
        self._lookup = pages.parts.desk.lookup

    async def channels(self, request: Request, session: Session) -> Response:
        """Show channels by name."""
        given = request.query_params
        page = await self._lookup.channels(
            session.operator,
            search=given.get("search", ""),
            bot=chosen_bot(request),
            cursor=given.get("cursor") or None,
        )
        return self._pages.show(request, session, "channels", page=page)

    async def verifications(self, request: Request, session: Session) -> Response:
        """Show decisions, the newest first."""
        given, bot = request.query_params, chosen_bot(request)
        user = UserId(number(given["user"], "user")) if given.get("user", "").strip() else None
        group = GroupId(number(given["group"], "group")) if given.get("group", "").strip() else None
        bots = await self._parts.desk.bots.bots(session.operator)
        if bot is None and len(bots) == 1:
            bot = bots[0].bot_id
        kinds = (given["kind"],) if given.get("kind") else ()
        query = EventQuery(bot, group, user, kinds, given.get("cursor") or None)
        page = await self._lookup.events(session.operator, query)
        return self._pages.show(request, session, "verifications", page=page, bots=bots)

    async def explain(self, request: Request, session: Session) -> Response:
        """Show why somebody was muted or let through."""
        given = request.query_params
        explanation = await self._parts.desk.explaining.explain(
            session.operator,
            BotId(number(given.get("bot", ""), "bot")),
            GroupId(number(given.get("group", ""), "group")),
            UserId(number(given.get("user", ""), "user")),
        )
        return self._pages.show(request, session, "explain", explanation=explanation)

    async def performance(self, request: Request, session: Session) -> Response:
        """Show what this instance has counted."""
        return self._pages.show(request, session, "performance", measured=self._parts.measure())

    async def operations(self, request: Request, session: Session) -> Response:
        """Show work that waits, and what was given up."""
        who = session.operator
        letters, jobs, totals = await asyncio.gather(
            self._lookup.letters(who, cursor=request.query_params.get("cursor") or None),
            self._lookup.jobs(who),
            self._lookup.totals(who),
        )
        return self._pages.show(request, session, "operations", letters=letters, jobs=jobs, totals=totals)

    async def doctor(self, request: Request, session: Session) -> Response:
        """Examine the installation. It asks Telegram and the stores, so it takes some seconds."""
        who, installation = session.operator, self._parts.desk.installation
        answers = await installation.examine(who) if who.bots is None else ()
        return self._pages.show(request, session, "doctor", answers=answers)

    async def letter(self, request: Request, session: Session) -> Response:
        """Decide on something that was given up."""
        form, desk = await request.form(), self._parts.desk.letters
        name = str(form.get("name", ""))
        match request.path_params["action"]:
            case "replay":
                await desk.replay(session.operator, name)
                return told(request, "operations", "replayed")
            case "drop":
                await desk.drop(session.operator, name)
                return told(request, "operations", "dropped")
            case _:
                raise InvalidInputError("action", "there is no such action")

    async def audit(self, request: Request, session: Session) -> Response:
        """Show who changed what, from where."""
        page = await self._lookup.audit(
            session.operator, bot=chosen_bot(request), cursor=request.query_params.get("cursor") or None
        )
        return self._pages.show(request, session, "audit", page=page)

    async def settings(self, request: Request, session: Session) -> Response:
        """Show the settings in force, without secrets, and who serves."""
        who, desk = session.operator, self._parts.desk
        instances = await self._lookup.instances(who)
        settings = desk.installation.settings(who) if who.bots is None else ()
        return self._pages.show(
            request,
            session,
            "settings",
            settings=settings,
            instances=instances,
            logged=desk.log_level.now,
            levels=LEVELS,
        )

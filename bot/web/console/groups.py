"""Groups: found, looked at, paused, compared, set, warmed and written to."""

from collections.abc import Mapping

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.domain.errors import InvalidInputError
from bot.domain.listing import GroupQuery, GroupState
from bot.domain.policy import SETTINGS, chosen, options
from bot.services.operating.access import Session
from bot.services.operating.lists import EventQuery
from bot.web.console.page import Pages, addressed, chosen_bot, told

_SHOWN = 20


class Groups:
    """Shows groups and acts on one."""

    def __init__(self, *, pages: Pages) -> None:
        self._pages = pages
        self._desk = pages.parts.desk

    async def list(self, request: Request, session: Session) -> Response:
        """Show groups by name, all or those that a filter names."""
        given = request.query_params
        query = GroupQuery(
            bot=chosen_bot(request),
            search=given.get("search", ""),
            state=_state(given.get("state", "")),
            cursor=given.get("cursor") or None,
        )
        page = await self._desk.lookup.groups(session.operator, query)
        bots = {bot.bot_id: bot for bot in await self._desk.bots.bots(session.operator)}
        return self._pages.show(request, session, "groups", page=page, bots=bots, states=list(GroupState))

    async def show(self, request: Request, session: Session) -> Response:
        """Show one group. What has to be asked of Telegram comes when the page is there."""
        bot, group = addressed(request)
        who, lookup = session.operator, self._desk.lookup
        detail = await lookup.group(who, bot, group)
        cases = await lookup.cases(who, bot=bot, group=group, limit=_SHOWN)
        events = await lookup.events(who, EventQuery(bot=bot, group=group, limit=_SHOWN))
        audit = await lookup.audit(who, bot=bot, chat=group, limit=_SHOWN)
        channels = {channel.channel_id: channel.title for channel in detail.group.channels}
        return self._pages.show(
            request,
            session,
            "group",
            detail=detail,
            cases=cases,
            events=events,
            audit=audit,
            channels=channels,
            policy=[(name, chosen(detail.group.policy, name), options(name)) for name in SETTINGS],
        )

    async def rights(self, request: Request, session: Session) -> Response:
        """Show what the bot may do there, as Telegram tells it."""
        bot, group = addressed(request)
        found = await self._desk.groups.rights(session.operator, bot, group)
        return self._pages.show(request, session, "rights", found=found)

    async def act(self, request: Request, session: Session) -> Response:
        """Do something to a group."""
        bot, group = addressed(request)
        who, desk, path = session.operator, self._desk.groups, f"groups/{bot}/{group}"
        match request.path_params["action"]:
            case "pause":
                return told(request, path, "paused" if await desk.pause(who, bot, group) else "already")
            case "resume":
                return told(request, path, "resumed" if await desk.resume(who, bot, group) else "not-gated")
            case "recheck":
                return told(request, path, "checked" if await desk.recheck(who, bot, group) else "not-gated")
            case "send":
                await desk.send(who, bot, group, str((await request.form()).get("text", "")))
                return told(request, path, "sent")
            case "warm":
                job = await self._desk.warmings.start(who, bot, group)
                if "hx-request" in request.headers:
                    return self._pages.show(request, session, "job", job=job)
                return RedirectResponse(f"/console/{path}", status_code=303)
            case _:
                raise InvalidInputError("action", "there is no such action")

    async def choose(self, request: Request, session: Session) -> Response:
        """Change how strict a group's gate is."""
        bot, group = addressed(request)
        await self._desk.groups.choose(session.operator, bot, group, _chosen(await request.form()))
        return told(request, f"groups/{bot}/{group}", "policy")

    async def job(self, request: Request, session: Session) -> Response:
        """Show how far long work is."""
        job = await self._desk.jobs.job(session.operator, request.path_params["job"])
        return self._pages.show(request, session, "job", job=job)


def _chosen(form: FormData) -> Mapping[str, str]:
    """Return what was changed in a form: whatever else differs by now was chosen by somebody else meanwhile."""
    fields = {name: str(value) for name, value in form.items() if name != "seal"}
    seen = dict(each.partition("=")[::2] for each in fields.pop("seen", "").split())
    return {name: option for name, option in fields.items() if seen.get(name) != option}


def _state(text: str) -> GroupState | None:
    try:
        return GroupState(text) if text else None
    except ValueError:
        raise InvalidInputError("state", "there is no such state of a group") from None

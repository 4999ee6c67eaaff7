"""Logging in and out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.services.operating.access import Session
from bot.web.console.doors import Doors
from bot.web.console.page import Pages


class Entering:
    """A link opens a page with a button; only the button uses the link up, so nothing that looks ahead burns it."""

    def __init__(self, *, pages: Pages, doors: Doors) -> None:
        self._pages = pages
        self._doors = doors

    async def ask(self, request: Request) -> Response:
        """Show the button, or how to get a link."""
        parts, token = self._pages.parts, request.query_params.get("token", "")
        works = bool(token) and await parts.access.is_link(token, parts.proxies.address(request))
        page = self._pages.templates.page("login", 200, token=token if works else "", is_old=bool(token) and not works)
        page.headers["referrer-policy"] = "same-origin"
        return page

    async def enter(self, request: Request) -> Response:
        """Use the link up. The session is a new one, whatever the browser showed before."""
        self._doors.forbid_forgery(request)
        parts, form = self._pages.parts, await request.form(max_files=0)
        session = await parts.access.enter(str(form.get("token", "")), parts.proxies.address(request))
        if session is None:
            return self._pages.templates.page("login", 403, token="", is_old=True)
        await parts.access.leave(self._doors.cookie(request))
        response = RedirectResponse("/console/", status_code=303)
        self._doors.let_in(response, session)
        return response

    async def leave(self, request: Request, _: Session) -> Response:
        """Forget the session."""
        await self._pages.parts.access.leave(self._doors.cookie(request))
        response = RedirectResponse("/console/login", status_code=303)
        self._doors.let_out(response)
        return response

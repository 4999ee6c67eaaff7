"""What keeps a deployment going: backups, and how much is logged."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.services.operating.access import Session
from bot.services.operating.jobs import Job
from bot.web.console.doors import number
from bot.web.console.page import Pages, told


class Upkeep:
    """Shows and makes backups, and changes the level of the log."""

    def __init__(self, *, pages: Pages) -> None:
        self._pages = pages
        self._desk = pages.parts.desk

    async def backups(self, request: Request, session: Session) -> Response:
        """Show backups, the newest first."""
        found = await self._desk.backups.backups(session.operator)
        return self._pages.show(request, session, "backups", found=found)

    async def back_up(self, request: Request, session: Session) -> Response:
        """Begin a backup."""
        return self._begun(request, session, await self._desk.backups.create(session.operator))

    async def verify(self, request: Request, session: Session) -> Response:
        """Begin to check one."""
        name = str((await request.form()).get("name", ""))
        return self._begun(request, session, await self._desk.backups.verify(session.operator, name))

    async def log(self, request: Request, session: Session) -> Response:
        """Change how much is logged."""
        form = await request.form()
        level, minutes = str(form.get("level", "")), number(form.get("minutes", ""), "minutes")
        await self._desk.log_level.choose(session.operator, level, minutes)
        return told(request, "settings", "log")

    def _begun(self, request: Request, session: Session, job: Job) -> Response:
        if "hx-request" in request.headers:
            return self._pages.show(request, session, "job", job=job)
        return RedirectResponse(f"/console/jobs/{job.job}", status_code=303)

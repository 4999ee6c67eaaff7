"""What all pages have in common."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.domain.ids import BotId, GroupId
from bot.domain.operator import Rank
from bot.services.operating.access import Session
from bot.web.console.doors import number
from bot.web.console.parts import Parts
from bot.web.console.rendering import Templates
from bot.web.refusals import Refusal

_NAVIGATION = (
    ("", "Overview"),
    ("bots", "Bots"),
    ("groups", "Groups"),
    ("channels", "Channels"),
    ("verifications", "Verifications"),
    ("performance", "Performance"),
    ("operations", "Operations"),
    ("audit", "Audit log"),
    ("settings", "Settings"),
)


class Pages:
    """Renders a page around its content."""

    def __init__(self, *, parts: Parts, templates: Templates) -> None:
        self.parts = parts
        self.templates = templates

    def show(self, request: Request, session: Session, template: str, **values: object) -> Response:
        """Show a page to whoever is logged in."""
        rank = session.operator.rank
        return self.templates.page(
            template,
            200,
            who=session.operator,
            seal=session.seal,
            section=request.url.path.removeprefix("/console/").partition("/")[0],
            navigation=_NAVIGATION,
            said=request.query_params.get("done", ""),
            may_act=rank.covers(Rank.OPERATOR),
            may_own=rank.covers(Rank.OWNER),
            version=self.parts.version,
            instance=self.parts.instance,
            query=request.query_params,
            **values,
        )

    def refuse(self, request: Request, refusal: Refusal) -> Response:
        """Say why a request was refused: in the page that made it, or on a page of its own."""
        if "hx-request" in request.headers:
            return self.templates.page("notice", refusal.status, text=refusal.text, field=refusal.field)
        return self.templates.page("refused", refusal.status, refusal=refusal)


def told(request: Request, path: str, done: str) -> Response:
    """Send the browser on after a change, to a page that says what was done."""
    target = f"/console/{path}?done={done}"
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"hx-redirect": target})
    return RedirectResponse(target, status_code=303)


def chosen_bot(request: Request) -> BotId | None:
    """Return the bot that a filter names."""
    given = request.query_params.get("bot", "")
    return BotId(number(given, "bot")) if given.strip() else None


def addressed(request: Request) -> tuple[BotId, GroupId]:
    """Return the bot and the group that a path names."""
    return BotId(number(request.path_params["bot"], "bot")), GroupId(number(request.path_params["group"], "group"))

"""The pages of the console, below /console/."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.web.assets import Assets
from bot.web.console.bots import Bots
from bot.web.console.doors import Doors, Handler
from bot.web.console.entering import Entering
from bot.web.console.groups import Groups
from bot.web.console.overview import Overview
from bot.web.console.page import Pages
from bot.web.console.parts import Parts
from bot.web.console.records import Records
from bot.web.console.rendering import Templates
from bot.web.console.upkeep import Upkeep
from bot.web.refusals import Refusal

__all__ = ["Console", "Parts", "build_console"]


@dataclass(frozen=True, slots=True)
class Console:
    """The routes of the console, without their prefix, and what refuses in its look."""

    routes: list[BaseRoute]
    refuse: Callable[[Request, Refusal], Response]


def build_console(parts: Parts) -> Console:
    """Put the console together. The table below is the list of everything it serves."""
    assets = Assets()
    pages = Pages(parts=parts, templates=Templates(assets=assets, clock=parts.clock))
    doors = Doors(access=parts.access)
    entering, overview, bots = Entering(pages=pages, doors=doors), Overview(pages=pages, doors=doors), Bots(pages=pages)
    groups, records, upkeep = Groups(pages=pages), Records(pages=pages), Upkeep(pages=pages)
    inside: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", overview.show),
        ("GET", "/series", overview.series),
        ("GET", "/lines", overview.lines),
        ("GET", "/feed", overview.feed),
        ("GET", "/bots", bots.list),
        ("POST", "/bots", bots.add),
        ("GET", "/bots/{bot}", bots.show),
        ("GET", "/bots/{bot}/webhook", bots.delivery),
        ("POST", "/bots/{bot}/owners", bots.own),
        ("POST", "/bots/{bot}/{action}", bots.act),
        ("GET", "/groups", groups.list),
        ("GET", "/groups/{bot}/{group}", groups.show),
        ("GET", "/groups/{bot}/{group}/rights", groups.rights),
        ("POST", "/groups/{bot}/{group}/policy", groups.choose),
        ("POST", "/groups/{bot}/{group}/{action}", groups.act),
        ("GET", "/jobs/{job}", groups.job),
        ("GET", "/channels", records.channels),
        ("GET", "/verifications", records.verifications),
        ("GET", "/verifications/explain", records.explain),
        ("GET", "/performance", records.performance),
        ("GET", "/operations", records.operations),
        ("GET", "/operations/doctor", records.doctor),
        ("GET", "/operations/backups", upkeep.backups),
        ("POST", "/operations/backups", upkeep.back_up),
        ("POST", "/operations/backups/verify", upkeep.verify),
        ("POST", "/letters/{action}", records.letter),
        ("GET", "/audit", records.audit),
        ("GET", "/settings", records.settings),
        ("POST", "/settings/log", upkeep.log),
        ("POST", "/logout", entering.leave),
    )
    outside = (
        Route("/static/{name}", assets.serve, methods=["GET"]),
        Route("/login", entering.ask, methods=["GET"]),
        Route("/login", entering.enter, methods=["POST"]),
    )
    routes = [Route(path, doors.opened(handler), methods=[method]) for method, path, handler in inside]
    return Console(routes=[*outside, *routes], refuse=pages.refuse)

"""Who comes in: cookies, sessions, and forms that nobody else can send in an operator's name."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.domain.errors import InvalidInputError, NotAllowedError
from bot.services.operating.access import IDLE_SECONDS, Access, Session

Handler: TypeAlias = Callable[[Request, Session], Awaitable[Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_LARGEST = 2**63


class Doors:
    """Opens pages to whoever is logged in."""

    def __init__(self, *, access: Access) -> None:
        self._access = access
        # The prefix has browsers refuse a cookie that another host, or a plain connection, tries to plant.
        self._cookie = "__Host-gmbot" if access.is_secure else "gmbot_console"

    def opened(self, handler: Handler) -> Endpoint:
        """Make an endpoint for whoever is logged in; everybody else is sent to the page that says how."""

        async def endpoint(request: Request) -> Response:
            session = await self._access.session(self.cookie(request))
            if session is None:
                return _sent_to_login(request)
            if request.method == "POST":
                self.forbid_forgery(request)
                # No form here has a file; from now on the request gives this form to whoever asks.
                form = await request.form(max_files=0)
                if not session.is_sealed(str(form.get("seal", ""))):
                    raise NotAllowedError("this form is not of your session; load the page again")
            return await handler(request, session)

        return endpoint

    def forbid_forgery(self, request: Request) -> None:
        """Refuse what another site sends. Browsers name the site; a client that names none is none."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        own = {request.headers.get("host", ""), self._access.host}
        if site not in {None, "same-origin", "none"} or (origin is not None and urlsplit(origin).netloc not in own):
            raise NotAllowedError("this form was sent from another site")

    async def session(self, request: Request) -> Session | None:
        """Return who is logged in, without counting it as a visit: an open page is nobody at work."""
        return await self._access.session(self.cookie(request), visit=False)

    def cookie(self, request: Request) -> str | None:
        """Return the name of the session that a browser shows."""
        return request.cookies.get(self._cookie)

    def let_in(self, response: Response, session: str) -> None:
        """Have the browser show a session from now on."""
        response.set_cookie(
            self._cookie, session, max_age=IDLE_SECONDS, httponly=True, secure=self._access.is_secure, samesite="lax"
        )

    def let_out(self, response: Response) -> None:
        """Have the browser forget its session."""
        response.delete_cookie(self._cookie, httponly=True, secure=self._access.is_secure, samesite="lax")


def number(text: object, field: str) -> int:
    """Read an id. Raises InvalidInputError."""
    digits = str(text).strip()
    if not digits.removeprefix("-").isascii() or not digits.removeprefix("-").isdigit() or len(digits) > 20:  # noqa: PLR2004 - what a bigint has
        raise InvalidInputError(field, f"{field} is a number")
    value = int(digits)
    if not -_LARGEST <= value < _LARGEST:
        raise InvalidInputError(field, f"{field} is too large")
    return value


def _sent_to_login(request: Request) -> Response:
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"hx-redirect": "/console/login"})
    if request.method == "GET" and request.url.path != "/console/feed":
        return RedirectResponse("/console/login", status_code=303)
    raise NotAllowedError("log in first")

"""A browser without a screen: it keeps cookies, follows links and sends forms as a person's would."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.kits.leaks import assert_no_token

ALL_PAGES = (
    "",
    "bots",
    "groups",
    "channels",
    "verifications",
    "performance",
    "operations",
    "operations/doctor",
    "audit",
    "settings",
    "series",
    "lines",
)


class Visitor:
    """One person at one instance."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url
        self.status = 0
        self.headers: dict[str, str] = {}
        self.seal = ""

    async def get(self, path: str, **headers: str) -> str:
        """Open a page below /console/, without following where it leads."""
        return await self._ask("GET", path, headers, None)

    async def post(self, path: str, *, seal: str | None = None, site: str = "", **fields: str) -> str:
        """Send a form, sealed as the last page was; `site` is where it was sent from, this one by default."""
        headers = {"Origin": site or self.url}
        form = {"seal": self.seal if seal is None else seal, **fields}
        return await self._ask("POST", path, headers, form)

    async def log_in(self, link: str) -> None:
        """Open a link and press Continue."""
        token = link.rpartition("=")[2]
        await self.get(f"login?token={token}")
        await self.post("login", token=token)
        text = await self.get("")
        assert self.status == 200, text

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser shows to this host."""
        return {cookie.key: cookie.value for cookie in self._session.cookie_jar}

    async def _ask(self, method: str, path: str, headers: dict[str, str], form: dict[str, str] | None) -> str:
        url = f"{self.url}/console/{path}"
        async with self._session.request(method, url, headers=headers, data=form, allow_redirects=False) as answer:
            self.status = answer.status
            self.headers = {name.lower(): value for name, value in answer.headers.items()}
            text = await answer.text()
        assert_no_token(f"the page {path}", text)
        if found := re.search(r'name="seal" value="([^"]+)"', text):
            self.seal = found[1]
        return text


@asynccontextmanager
async def visitor(url: str) -> AsyncIterator[Visitor]:
    """Start a browser with an empty profile."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(session, url)

"""What is typed wrongly into the console's forms: each field is named, and nothing tells how the server works."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.acceptance.operators.test_console import NASTY, link_to, until_known
from tests.kits.console import Visitor, visitor
from tests.kits.platform import Lounge, Platform

pytestmark = pytest.mark.servers

INJECTION = "'; DROP TABLE bots; --"


@pytest.fixture
async def owner(platform: Platform, instance: str) -> AsyncIterator[Visitor]:
    """Log in as an owner."""
    async with visitor(instance) as someone:
        await someone.log_in(await link_to(platform, instance))
        yield someone


def plain(text: str) -> str:
    """Return a page's text as a person reads it, as far as these tests look."""
    return text.replace("&#39;", "'").replace("&#34;", '"')


async def test_a_bot_that_is_typed_wrongly_is_not_added(owner: Visitor, platform: Platform) -> None:
    """Missing, empty, nonsense, markup, SQL, NUL: the token or the name is named, and nothing is kept."""
    token = "42:" + "A" * 35
    before = await platform.fetch("SELECT bot_id FROM bots")
    await owner.get("bots")
    for fields, named in (
        ({}, "a bot's token is needed"),
        ({"token": "  "}, "a bot's token is needed"),
        ({"token": "nonsense"}, "a bot's token looks like"),
        ({"token": f"{token}\x00"}, "a bot's token looks like"),
        ({"token": INJECTION}, "a bot's token looks like"),
        ({"token": "9" * 30 + ":" + "A" * 35}, "a bot's token"),
        ({"token": token, "name": "two words"}, "a bot's name has 1 to 64 letters"),
        ({"token": token, "name": NASTY}, "a bot's name has 1 to 64 letters"),
        ({"token": token, "name": INJECTION}, "a bot's name has 1 to 64 letters"),
        ({"token": token, "name": "x" * 65}, "a bot's name has 1 to 64 letters"),
        ({"token": token, "name": "x\x00y"}, "a bot's name has 1 to 64 letters"),
    ):
        text = plain(await owner.post("bots", **fields))

        assert owner.status == 400, fields
        assert named in text, fields
        assert "Traceback" not in text
        assert token not in text
    assert await platform.fetch("SELECT bot_id FROM bots") == before


async def test_a_token_that_is_typed_wrongly_is_not_exchanged(
    owner: Visitor, lounge: Lounge, platform: Platform
) -> None:
    """Nor is one of another bot, nor that of a bot that is not there."""
    path = f"bots/{lounge.bot.id}/rotate-token"
    second = lounge.sim.add_bot(username="second_bot", first_name="Second")
    before = await platform.fetch("SELECT * FROM bots")
    await owner.get(f"bots/{lounge.bot.id}")
    for fields, status, named in (
        ({}, 400, "a bot's token"),
        ({"token": ""}, 400, "a bot's token"),
        ({"token": "nonsense"}, 400, "a bot's token looks like"),
        ({"token": INJECTION}, 400, "a bot's token looks like"),
        ({"token": second.token}, 400, "this token is another bot's"),
        ({"token": f"{lounge.bot.id}:" + "A" * 35}, 400, "Telegram does not know this token"),
    ):
        text = plain(await owner.post(path, **fields))

        assert (owner.status, named in text) == (status, True), (fields, text)
        assert "Traceback" not in text
        assert second.token not in text
    text = await owner.post(f"bots/{second.id}/rotate-token", token=second.token)
    assert (owner.status, "Traceback" in text) == (404, False)
    assert [row["bot_id"] for row in await platform.fetch("SELECT * FROM bots")] == [row["bot_id"] for row in before]


async def test_a_message_is_refused_or_arrives_as_it_was_typed(owner: Visitor, lounge: Lounge) -> None:
    """Without a letter it is none; of any script, with markup and SQL, it is sent unchanged."""
    path = await until_known(owner, lounge)
    fields: dict[str, str]
    for fields in ({}, {"text": ""}, {"text": " \r\n\t"}, {"text": "\x00"}):
        assert "Message cannot be empty" in await owner.post(f"{path}/send", **fields)
        assert owner.status == 400
    for long in ("\U0001f600" * 2561, "x" * 50 * 1024):
        assert "Message too long (limit 10 KB)" in await owner.post(f"{path}/send", text=long)
        assert owner.status == 413

    for text in (NASTY, INJECTION, "\u0633\u0644\u0627\u0645 \u200f\U0001f44b\U0001f3fd \u4f60\u597d"):
        await owner.post(f"{path}/send", text=text)
        assert owner.status == 303
        await lounge.until_said(text)


@pytest.mark.parametrize("page", ["groups", "channels"])
async def test_a_search_takes_whatever_is_typed(owner: Visitor, lounge: Lounge, page: str) -> None:
    """It finds a title of any script, and what is meant as markup, SQL or a pattern finds nothing."""
    lounge.group.title = lounge.news.title = "\u0633\u0644\u0627\u0645 \U0001f600 100%"
    await until_known(owner, lounge)

    for typed in (INJECTION, "<script>alert(4)</script>", "%_", "\\", "\x00", "x" * 5000, "\U0001f600" * 500):
        text = await owner.get(f"{page}?search={_quoted(typed)}")
        assert owner.status == 200, typed
        assert "<script>alert(4)" not in text
        assert "Traceback" not in text
    assert "100%" in await owner.get(f"{page}?search={_quoted(lounge.group.title)}")
    assert "<tbody>" not in await owner.get(f"{page}?search={_quoted('1_0%')}")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("groups?bot=x", "bot is a number"),
        ("groups?bot=99999999999999999999", "bot is too large"),
        ("groups?state=x", "there is no such state of a group"),
        ("channels?bot=%00", "bot is a number"),
        ("verifications?user=x", "user is a number"),
        ("verifications?group=x", "group is a number"),
        ("verifications/explain", "bot is a number"),
        ("verifications/explain?bot=1&group=x", "group is a number"),
        ("verifications/explain?bot=1&group=1", "user is a number"),
        ("audit?bot=1%27--", "bot is a number"),
    ],
)
async def test_a_filter_that_is_none_is_named(owner: Visitor, path: str, named: str) -> None:
    """In the page and in the part of a page."""
    for headers in ({}, {"HX-Request": "true"}):
        text = await owner.get(path, **headers)

        assert owner.status == 400
        assert named in text
        assert "Traceback" not in text


async def test_a_body_that_is_no_form_is_refused(owner: Visitor, platform: Platform) -> None:
    """JSON, half a form of parts, a file for a word, 2,000 fields: refused in plain words, and nothing is done."""
    await owner.get("bots")
    before = await platform.fetch("SELECT bot_id FROM bots")
    seal = f'--x\r\nContent-Disposition: form-data; name="seal"\r\n\r\n{owner.seal}\r\n'
    file = '--x\r\nContent-Disposition: form-data; name="token"; filename="a"\r\n\r\n42:A\r\n--x--\r\n'
    form = "application/x-www-form-urlencoded"
    async with aiohttp.ClientSession(cookies=owner.cookies) as session:
        for kind, body, status in (
            ("application/json", '{"token":', 403),
            ("multipart/form-data; boundary=x", seal + "--x\r\nContent-Dis", 400),
            ("multipart/form-data", "--x", 400),
            ("multipart/form-data; boundary=x", seal + file, 400),
            (form, f"seal={owner.seal}" + "&a=b" * 2000, 400),
            (form, f"seal={owner.seal}&token=%ff%00%zz", 400),
        ):
            headers = {"Content-Type": kind, "Origin": owner.url}
            async with session.post(f"{owner.url}/console/bots", data=body.encode(), headers=headers) as answer:
                text = await answer.text()
            assert answer.status == status, (kind, body[:40], text)
            assert "Traceback" not in text
            assert 'role="alert"' in text
    assert await platform.fetch("SELECT bot_id FROM bots") == before


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())

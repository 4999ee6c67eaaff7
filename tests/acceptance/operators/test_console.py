"""The console by HTTP: who gets in, what they may do, and what cannot be done to them."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bot.app.web import access_for
from bot.core.clock import SystemClock
from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.settings import Settings
from bot.domain.ids import UserId
from bot.domain.operator import Rank, Source
from tests.integration.cli.test_bots import Shell
from tests.kits.console import ALL_PAGES, Visitor, visitor
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers

NASTY = "<script>alert(1)</script> & \"friends\" 'x' \u202e\U0001f600"


async def link_to(platform: Platform, url: str, rank: Rank = Rank.OWNER, user: int = 7, **changes: str) -> str:
    """Make a link as `gmbot console-link` does."""
    settings = Settings.from_env(platform.environment(int(url.rpartition(":")[2]), **changes))
    redis = Redis.from_url(platform.redis_url)
    try:
        async with open_database(platform.database_url, pool_size=2, statements=load_statements()) as database:
            access = access_for(settings, redis, database, SystemClock())
            return await access.link(UserId(user), rank, Source.CLI)
    finally:
        await redis.aclose()


@pytest.fixture
async def owner(platform: Platform, instance: str) -> AsyncIterator[Visitor]:
    """Log in as an owner."""
    async with visitor(instance) as someone:
        await someone.log_in(await link_to(platform, instance))
        yield someone


async def until_known(someone: Visitor, lounge: Lounge) -> str:
    """Protect the lounge, and return its page's path."""
    await lounge.protect(lounge.news)
    path = f"groups/{lounge.bot.id}/{lounge.group.id}"

    async def shown() -> bool:
        await someone.get(path)
        return someone.status == 200

    await eventually(shown, "the group has a page")
    return path


async def test_nobody_sees_anything_without_a_session(instance: str) -> None:
    """Every page leads to the login, a form and a stream are refused."""
    async with visitor(instance) as nobody:
        for path in ALL_PAGES:
            await nobody.get(path)
            assert (nobody.status, nobody.headers.get("location")) == (303, "/console/login")
        await nobody.get("feed")
        assert nobody.status == 403
        await nobody.post("bots", token="42:x")
        assert nobody.status == 403


async def test_a_link_lets_in_once_and_only_by_its_button(platform: Platform, instance: str) -> None:
    """What looks ahead at the link burns nothing; the button does."""
    link = await link_to(platform, instance)
    token = link.rpartition("=")[2]
    async with visitor(instance) as preview, visitor(instance) as operator, visitor(instance) as thief:
        for _ in range(3):
            await preview.get(f"login?token={token}")
        assert preview.cookies == {}

        await operator.log_in(link)
        await thief.post("login", token=token)

        assert thief.status == 403
        assert thief.cookies == {}


@pytest.mark.processes
async def test_the_command_prints_a_link_that_works_once(platform: Platform, instance: str, lounge: Lounge) -> None:
    """And lets in by the role that was asked for."""
    printed = await Shell(platform)("console-link", "--role", "viewer", WEBHOOK_URL=instance)
    assert (printed.status, printed.err) == (0, "")
    link = printed.out.strip()
    assert link.startswith(f"{instance}/console/login?token=")

    async with visitor(instance) as viewer, visitor(instance) as thief:
        await viewer.log_in(link)
        await viewer.post(f"bots/{lounge.bot.id}/disable")
        assert viewer.status == 403
        await thief.post("login", token=link.rpartition("=")[2])
        assert (thief.status, thief.cookies) == (403, {})


async def test_the_cookie_is_out_of_reach_and_new_with_each_login(platform: Platform, instance: str) -> None:
    """A planted session is not adopted, and one before is forgotten."""
    async with visitor(instance) as someone:
        token = (await link_to(platform, instance)).rpartition("=")[2]
        await someone.get("login", Cookie="gmbot_console=planted")
        await someone.post("login", token=token)
        cookie = someone.headers["set-cookie"]
        first = someone.cookies["gmbot_console"]

        assert first != "planted"
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()
        await someone.log_in(await link_to(platform, instance))
        second = someone.cookies["gmbot_console"]

    async with visitor(instance) as thief:
        await thief.get("", Cookie=f"gmbot_console={first}")
        assert thief.status == 303
        await thief.get("", Cookie=f"gmbot_console={second}")
        assert thief.status == 200


async def test_by_https_the_cookie_is_bound_to_the_host(platform: Platform) -> None:
    """No other host and no plain connection can plant it."""
    address = "https://gate.example"
    async with platform.instance(WEBHOOK_URL=address) as url, visitor(url) as someone:
        token = (await link_to(platform, url, WEBHOOK_URL=address)).rpartition("=")[2]
        await someone.post("login", site=address, token=token)

        assert someone.status == 303
        assert someone.headers["set-cookie"].startswith("__Host-gmbot=")
        assert "secure" in someone.headers["set-cookie"].lower()


async def test_logging_out_ends_the_session(owner: Visitor, instance: str) -> None:
    """On the server, too."""
    cookie = owner.cookies["gmbot_console"]
    await owner.post("logout")

    async with visitor(instance) as thief:
        await thief.get("", Cookie=f"gmbot_console={cookie}")
        assert thief.status == 303


@pytest.mark.parametrize(
    ("site", "seal"), [("https://evil.example", None), ("null", None), ("", ""), ("", "wrong"), ("", "\u00e9")]
)
async def test_a_forged_form_does_nothing(owner: Visitor, lounge: Lounge, site: str, seal: str | None) -> None:
    """Neither one from another site nor one that does not know the session's seal."""
    path = await until_known(owner, lounge)
    await owner.post(f"{path}/pause", site=site, seal=seal)
    assert owner.status == 403

    text = await owner.get(path)
    assert "Pause and free everybody" in text


async def test_each_role_does_what_it_may(platform: Platform, instance: str, owner: Visitor, lounge: Lounge) -> None:
    """A viewer reads all pages and changes nothing; an operator acts on groups and not on bots."""
    path = await until_known(owner, lounge)
    bot = f"bots/{lounge.bot.id}"
    acts = [f"{path}/{action}" for action in ("pause", "resume", "recheck", "warm", "send")]
    owned = ["bots", *(f"{bot}/{act}" for act in ("enable", "disable", "rotate-secret", "rotate-token", "remove"))]
    async with visitor(instance) as viewer, visitor(instance) as operator:
        await viewer.log_in(await link_to(platform, instance, Rank.VIEWER))
        await operator.log_in(await link_to(platform, instance, Rank.OPERATOR))
        for page in (*ALL_PAGES, path, f"{path}/rights", bot):
            await viewer.get(page)
            assert viewer.status == 200, page
        for act in (*acts, *owned, "letters/replay"):
            await viewer.post(act, text="hi", token="42:AAAA", name="update/1/1", bot=str(lounge.bot.id))
            assert viewer.status == 403, act
        for act in owned:
            await operator.post(act, token="42:AAAA")
            assert operator.status == 403, act
        await operator.post(f"{path}/send", text="Good morning")

        assert (operator.status, operator.headers["location"]) == (303, f"/console/{path}?done=sent")
        await lounge.until_said("Good morning")


async def test_an_operator_pauses_and_resumes(owner: Visitor, lounge: Lounge, platform: Platform) -> None:
    """Everybody is freed, the gate closes again, and the audit log says who did it from where."""
    path = await until_known(owner, lounge)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)

    await owner.post(f"{path}/pause")
    await lounge.until_free(lounge.stranger)
    await owner.post(f"{path}/pause")
    assert owner.headers["location"].endswith("done=already")
    await owner.post(f"{path}/resume")
    assert owner.headers["location"].endswith("done=resumed")

    rows = await platform.fetch(
        "SELECT action, actor, source FROM audit_log WHERE source = 'console' ORDER BY audit_id"
    )
    assert [tuple(row) for row in rows] == [("pause", 7, "console"), ("resume", 7, "console")]


async def test_names_are_text_wherever_they_land(owner: Visitor, lounge: Lounge) -> None:
    """Markup in a group's title or a person's name is shown as it is, on every page."""
    lounge.group.title = NASTY
    lounge.stranger.first_name = "<img src=x onerror=alert(2)>"
    path = await until_known(owner, lounge)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    explain = f"verifications/explain?bot={lounge.bot.id}&group={lounge.group.id}&user={lounge.stranger.id}"

    for page in (*ALL_PAGES, path, f"{path}/rights", explain, "groups?search=<script>alert(3)</script>"):
        text = await owner.get(page)
        assert owner.status == 200, page
        assert "<script>alert" not in text, page
        assert "<img src=x" not in text, page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;friends&#34;" in await owner.get("groups")
    assert "They are muted" in await owner.get(explain)


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_nothing_leads_elsewhere(platform: Platform, instance: str, target: str) -> None:
    """Whatever a link asks for, the login and every change lead to pages of this console."""
    token = (await link_to(platform, instance)).rpartition("=")[2]
    async with visitor(instance) as someone:
        await someone.post(f"login?next={target}", token=token, next=target)
        assert someone.headers["location"] == "/console/"
        await someone.get(f"bots?done={target}")
        assert "evil" not in someone.headers.get("location", "")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("groups/1/x", 400),
        ("groups/1/99999999999999999999999", 400),
        ("groups/1/-1", 404),
        ("groups?cursor=x", 400),
        ("groups?bot=x", 400),
        ("groups?state=x", 400),
        ("groups?search=%00", 200),
        ("verifications?user=%27%3B--", 400),
        ("verifications?cursor=%00", 400),
        ("audit?cursor=W10", 400),
        ("jobs/none", 404),
        ("nothing", 404),
        ("static/..%2f..%2f..%2fetc%2fpasswd", 404),
        ("static/console.css", 200),
    ],
)
async def test_what_makes_no_sense_is_refused_without_a_trace(owner: Visitor, path: str, status: int) -> None:
    """With a sentence, and nothing about how the server works."""
    text = await owner.get(path)

    assert owner.status == status
    assert "Traceback" not in text
    assert "root:" not in text


async def test_a_second_bot_is_hosted_from_the_console(owner: Visitor, lounge: Lounge, platform: Platform) -> None:
    """By its token alone; it answers within seconds."""
    second = lounge.sim.add_bot(username="second_bot", first_name="Second")
    await owner.post("bots", token=second.token, name="second")
    assert owner.headers["location"] == f"/console/bots/{second.id}?done=added"

    await eventually(
        lambda: any(call.bot_id == second.id for call in lounge.sim.calls_of("setWebhook")), "it is served"
    )
    lounge.sim.private(lounge.owner, second, "/start")
    await eventually(
        lambda: any(call.bot_id == second.id for call in lounge.sim.calls_of("sendMessage")), "it answers /start"
    )
    rows = await platform.fetch("SELECT source FROM audit_log WHERE action = 'bot_add'")
    assert [row["source"] for row in rows] == ["console"]


async def test_console_in_private_chat_is_a_way_in(platform: Platform, lounge: Lounge) -> None:
    """For operators; everybody else is told their number, and groups hear nothing."""
    async with platform.instance(OPERATOR_IDS=str(lounge.owner.id)) as url:
        await platform.webhook_is_set()
        chat = lounge.sim.private_chat(lounge.owner, lounge.bot)
        lounge.sim.private(lounge.owner, lounge.bot, "/console")
        await lounge.until_said("/console/login?token=", chat)
        strangers = lounge.sim.private_chat(lounge.stranger, lounge.bot)
        lounge.sim.private(lounge.stranger, lounge.bot, "/console")
        await lounge.until_said(str(lounge.stranger.id), strangers)
        lounge.sim.say(lounge.owner, lounge.group, "/console")
        await lounge.settled()

        assert not [text for text in lounge.said() if "token=" in text]
        said = next(text for text in lounge.said(chat) if "token=" in text)
        async with visitor(url) as someone:
            await someone.log_in("x=" + said.rpartition("token=")[2].split()[0].partition("<")[0])

"""What the threat model (docs/operations/threat-model.md) names and no other test shows."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.domain.ids import GroupId, UserId
from bot.handlers.panel import Ticket
from tests.acceptance.kit import finished, gated
from tests.integration.cli.test_bots import Shell
from tests.kits.platform import Lounge, Platform, add_group
from tests.kits.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "operations" / "threat-model.md"

# Comparisons that tell nobody anything: of what GMBot has with what GMBot has, of names of headers, of statuses.
_HARMLESS = frozenset(
    {
        "known['token_from'] == source",
        "with_secret != _OK",
        "known.token != token.reveal()",
        "name == _SECRET_HEADER",
        "bot_id_of(token) != bot",
        "self._wanted.get(bot.bot_id) != (secret, bot.token)",
    }
)


def test_secrets_are_compared_in_constant_time() -> None:
    """No `==` where somebody outside chooses one side: such a comparison ends at the first wrong character."""
    found = {
        ast.unparse(node)
        for path in (ROOT / "bot").rglob("*.py")
        if "simulator" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops)
        if re.search(r"secret|token|password|digest|signature|csrf", ast.unparse(node), re.IGNORECASE)
    }

    assert found - _HARMLESS == set()


def test_every_measure_of_the_threat_model_has_a_test() -> None:
    """What the page names is there."""
    named = set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE.read_text(encoding="utf-8")))

    assert len(named) > 20
    assert [path for path, _ in sorted(named) if not (ROOT / path).exists()] == []
    assert [test for path, test in sorted(named) if f"def {test}" not in (ROOT / path).read_text("utf-8")] == []


@asynccontextmanager
async def redirecting(to: str) -> AsyncIterator[str]:
    """Answer everything with the way to somewhere else."""

    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": to + request.path_qs})

    port = free_port()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest.mark.servers
@pytest.mark.processes
async def test_no_redirect_leads_a_token_elsewhere(platform: Platform) -> None:
    """A Bot API that sends calls on to another address is not followed: the path holds the token."""
    async with redirecting(platform.sim.url) as url:
        outcome = await Shell(platform)(
            "bots", "add", "--name", "x", typed=f"{platform.bot.token}\n", TELEGRAM_API_URL=url
        )

    assert outcome.status == 1
    assert platform.sim.calls_of("getMe") == []
    assert platform.bot.token not in outcome.out + outcome.err


@pytest.mark.servers
@pytest.mark.usefixtures("instance")
async def test_an_admin_of_one_group_cannot_act_on_another(lounge: Lounge, platform: Platform) -> None:
    """Button data that names another group, in whatever chat it is pressed, changes nothing there."""
    sim = lounge.sim
    await lounge.protect(lounge.news)
    attacker = sim.add_user("Mallory")
    own = add_group(sim, lounge.bot, attacker, "Own")
    before = await platform.fetch("SELECT policy, protected FROM protected_groups")
    sim.say(attacker, own, "/settings")
    await finished(lounge, platform)
    panel = sim.messages(own)[-1]
    for group in (lounge.group.id, own.id):
        for user in (attacker.id, 0, lounge.owner.id):
            for action in ("edits=ignore", "m", "e", "x", "locked=on"):
                data = str(Ticket(GroupId(group), UserId(user), "abcdef", action))
                # What a modified app sends need not stand on any button.
                panel.buttons = {"inline_keyboard": [[{"text": "x", "callback_data": data}]]}
                sim.press(attacker, own, panel, data)
    for command in (f"/unprotect {lounge.group.id}", f"/pause {lounge.group.id}", "/unprotect Lounge"):
        sim.say(attacker, own, command)
        sim.private(attacker, lounge.bot, command)
    await finished(lounge, platform)

    after = await platform.fetch("SELECT policy, protected FROM protected_groups WHERE group_id = $1", lounge.group.id)
    assert after == before


@pytest.mark.servers
@pytest.mark.usefixtures("instance")
async def test_no_address_that_somebody_writes_is_asked(lounge: Lounge, platform: Platform) -> None:
    """An invite link, a name with an address in it, a link in a message: GMBot itself opens none of them."""
    asked: list[str] = []

    async def listener(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.read(200)).decode(errors="replace"))
        writer.close()

    server = await asyncio.start_server(listener, "127.0.0.1", 0)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for link in (f"http://{place}/+AbCdEf", f"https://t.me@{place}/news", f"{place}/news", f"@{place}"):
        for command in (f"/protect {link}", f"/settings {link}", f"/start {link}", link):
            lounge.sim.say(lounge.owner, lounge.group, command)
            lounge.sim.private(lounge.owner, lounge.bot, command)
    await finished(lounge, platform)
    outcome = await Shell(platform)("bots", "add", typed=f"http://{place}/bot1:AAA\n")
    server.close()

    assert outcome.status == 1
    assert asked == []


@pytest.mark.servers
@pytest.mark.usefixtures("instance")
async def test_names_become_no_markup(lounge: Lounge, platform: Platform) -> None:
    """Somebody who is called like a tag is shown as they are called."""
    name = "<b>&amp;</b><i>"
    await lounge.protect(lounge.news)
    guest = lounge.sim.add_user(name)
    lounge.sim.join(guest, lounge.group)

    prompt = await gated(lounge, platform, guest)

    assert name in (prompt.text or "")

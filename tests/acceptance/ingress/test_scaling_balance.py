"""How nginx.conf shares updates among three real instances, told by the instance that each answer names."""

import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.faults.front import Front, front
from tests.kits.ingress import secret_of
from tests.kits.platform import Instance, Lounge, Platform, eventually
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow]

REQUESTS = 1500
AT_ONCE = 20
# As many as leave no instance without one: where a bot is at home is as good as random.
BOTS = 40
# Percentage points by which a share may miss what it should be.
TOLERANCE = 2.0
# By the least connections, whoever answers faster gets more: nobody starves, and that is all it promises.
FAIR_ENOUGH = 15.0


@dataclass
class Trio:
    """Three instances behind nginx, and somebody who posts updates as Telegram does."""

    front: Front
    instances: Sequence[Instance]
    names: Sequence[str]
    http: aiohttp.ClientSession
    bots: Sequence[int]
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1_500_000_000))

    async def post(self, bot: int) -> str:
        """Post an update that concerns nobody; return the name of the instance that took it."""
        number = next(self.numbers)
        chat = {"id": -1_009_999_999_999, "type": "supergroup", "title": "Elsewhere"}
        message = {"message_id": number, "date": 1_770_000_000, "chat": chat, "text": "hello"}
        message["from"] = {"id": 77, "is_bot": False, "first_name": "Ann"}
        body = json.dumps({"update_id": number, "message": message})
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret_of(bot), "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self.front.port}/telegram/{bot}"
        async with self.http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200
            return answer.headers["X-GMBot-Instance"]

    async def shares(self, requests: int = REQUESTS) -> list[float]:
        """Post so many, some at once; return what percentage each instance took."""
        taken = Counter[str]()
        left = iter(range(requests))

        async def post_some() -> None:
            for _ in left:
                taken[await self.post(self.bots[0])] += 1

        await asyncio.gather(*(post_some() for _ in range(AT_ONCE)))
        assert sum(taken.values()) == requests
        return [100 * taken[name] / requests for name in self.names]

    async def choose(self, strategy: str, weights: Sequence[int] = ()) -> None:
        """Have nginx share the work differently, and wait until the workers that did not know are gone."""
        before = self.front.workers()
        self.front.balance(strategy, [each.port for each in self.instances], weights)
        await eventually(lambda: not before & self.front.workers(), "nginx has read its upstreams", within=60)


async def name_of(http: aiohttp.ClientSession, instance: Instance) -> str:
    """Ask an instance what it calls itself."""
    async with http.get(f"{instance.url}/livez") as answer:
        return answer.headers["X-GMBot-Instance"]


@pytest.fixture
async def trio(platform: Platform, lounge: Lounge, tmp_path: Path) -> AsyncIterator[Trio]:
    """Bring three instances up at once, with all the bots."""
    port = free_port()
    changes = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"}
    others = [lounge.sim.add_bot(username=f"bot_{number}_bot") for number in range(BOTS - 1)]
    await platform.host(*others)
    async with AsyncExitStack() as stack:
        starting = [stack.enter_async_context(platform.process(free_port(), **changes)) for _ in range(3)]
        instances = await asyncio.gather(*starting)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        names = [await name_of(http, instance) for instance in instances]
        running = await stack.enter_async_context(front(tmp_path / "front", port, *(each.port for each in instances)))
        bots = [bot.id for bot in (lounge.bot, *others)]
        yield Trio(running, instances, names, http, bots)


async def test_the_work_is_shared_by_the_weights(trio: Trio, capsys: pytest.CaptureFixture[str]) -> None:
    """In equal parts in turn and by the least connections, and 50, 30 and 20 of a hundred by weight."""
    equal, found = [100 / 3] * 3, {}
    for strategy, weights, wanted, tolerance in (
        ("round-robin", (), equal, TOLERANCE),
        ("least-connections", (), equal, FAIR_ENOUGH),
        ("weighted", (50, 30, 20), [50.0, 30.0, 20.0], TOLERANCE),
    ):
        await trio.choose(strategy, weights)
        found[strategy] = await trio.shares()
        assert [
            share for share, want in zip(found[strategy], wanted, strict=True) if abs(share - want) > tolerance
        ] == []
    with capsys.disabled():
        shares = "; ".join(f"{name} {' '.join(f'{share:.1f}' for share in each)}" for name, each in found.items())
        sys.stdout.write(f"\npercent of {REQUESTS} updates: {shares}\n")


async def test_bots_and_people_stay_with_their_instance(trio: Trio) -> None:
    """Sticky: all updates of a bot go to one instance, the bots are spread over all, and they move only with it."""
    await trio.choose("sticky")
    await people_stay(trio)
    home = {bot: {await trio.post(bot) for _ in range(10)} for bot in trio.bots}
    assert [bot for bot, names in home.items() if len(names) != 1] == []
    assert set().union(*home.values()) == set(trio.names)

    trio.instances[0].kill()
    moved = {bot: {await trio.post(bot) for _ in range(10)} for bot in trio.bots}
    stayed = {bot: names for bot, names in home.items() if trio.names[0] not in names}
    assert {bot: moved[bot] for bot in stayed} == stayed
    assert set().union(*moved.values()) == set(trio.names[1:])


async def people_stay(trio: Trio) -> None:
    """Come to the console anew, again and again, and come back with the cookie: the same instance answers."""
    url, seen = f"http://127.0.0.1:{trio.front.port}/console/", set[str]()
    # A cookie is random, and so is its instance: sixty that leave one of three out are not seen in a lifetime.
    for _ in range(60):
        async with trio.http.get(url, allow_redirects=False) as answer:
            place, name = answer.cookies["gmbot_place"].value, answer.headers["X-GMBot-Instance"]
        for _ in range(2):
            async with trio.http.get(url, cookies={"gmbot_place": place}, allow_redirects=False) as answer:
                assert answer.headers["X-GMBot-Instance"] == name
        trio.http.cookie_jar.clear()
        seen.add(name)

    assert seen == set(trio.names)

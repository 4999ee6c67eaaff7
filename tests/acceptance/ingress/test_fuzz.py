"""The whole instance under ten thousand broken updates, which end as Telegram needs them to end."""

import asyncio
import itertools
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from bot.services.hosting.webhooks import ALLOWED_UPDATES
from bot.simulator.model import JsonObject
from tests.kits.ingress import Caller, Served, served
from tests.kits.mutations import Mutator
from tests.kits.platform import Lounge, Platform, add_group, eventually

pytestmark = [pytest.mark.servers]

_UPDATES = 10_000
_ROUNDS = 10
_AT_ONCE = 40
# Far above Telegram's own ids in this world, so that a mutation never hides behind a real update's mark.
_FIRST_ID = 3_000_000_000


@dataclass
class Fate:
    """What became of one broken update."""

    body: bytes
    statuses: list[int]


@pytest.fixture
async def instance(platform: Platform) -> AsyncIterator[Served]:
    """Run one instance that can be called directly."""
    async with served(platform) as instance:
        await platform.webhook_is_set()
        yield instance


async def _talk(lounge: Lounge) -> None:
    """Have people speak, press and be gated."""
    sim, group = lounge.sim, lounge.group
    await lounge.protect(lounge.news)
    sim.say(lounge.member, group, "hello", reply_to=sim.messages(group)[0])
    sim.say(lounge.stranger, group, "hello")
    await lounge.until_muted(lounge.stranger)
    await lounge.until_said("News")
    await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "a prompt")
    prompt = lounge.prompts(lounge.stranger)[0]
    sim.press(lounge.stranger, group, prompt, "v")
    sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    sim.leave(lounge.stranger, lounge.news)
    sim.edit(lounge.member, group, sim.say(lounge.member, group, "a photo", photo=True), "a better photo")
    sim.say(lounge.owner, group, "/settings")
    sim.say(lounge.owner, group, "/status")
    sim.private(lounge.owner, lounge.bot, "/start")
    sim.say(lounge.owner, lounge.news, "a post")


async def _come_and_go(lounge: Lounge) -> None:
    """Have people come, go and be moderated, in chats of every kind."""
    sim, group = lounge.sim, lounge.group
    sim.be_anonymous(group, lounge.owner)
    sim.say(lounge.owner, group, "as the group")
    sim.be_anonymous(group, lounge.owner, anonymous=False)
    guest = sim.add_user("Guest", last_name="<b>&", language_code="de")
    sim.join(guest, group)
    sim.restrict(group, guest)
    sim.remove(group, guest)
    sim.request_join(guest, lounge.insiders, link=sim.invite_link(lounge.insiders, creates_join_request=True))
    sim.promote(group, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    basic = sim.add_group("Basic", owner=lounge.owner, kind="group")
    sim.add_member(basic, lounge.bot)
    forum = add_group(sim, lounge.bot, lounge.owner, "Forum")
    forum.is_forum = True
    sim.say(lounge.owner, forum, "in a topic", topic=sim.add_topic(forum, "A topic"))
    await lounge.settled()
    sim.migrate(basic)
    await lounge.settled()


async def _all(caller: Caller, bodies: list[bytes]) -> list[Fate]:
    queue = iter(bodies)
    fates: list[Fate] = []

    async def work() -> None:
        for body in queue:
            async with asyncio.timeout(60):
                statuses = await caller.deliver(body)
            fates.append(Fate(body, statuses))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(work())
    return fates


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_broken_updates_of_every_kind_are_taken(
    lounge: Lounge,
    platform: Platform,
    instance: Served,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """10,000 broken updates: each JSON object ends in 200 and none as a dead letter; nothing fails unseen."""
    await _talk(lounge)
    await _come_and_go(lounge)
    corpus: list[JsonObject] = [*lounge.sim.updates(lounge.bot)]
    mutator, numbers = Mutator(corpus, seed=20_261_122), itertools.count(_FIRST_ID)
    fates: list[Fate] = []

    with capture_logs() as events, caplog.at_level(logging.WARNING):
        for _ in range(_ROUNDS):
            bodies = [mutator.update(next(numbers)) for _ in range(_UPDATES // _ROUNDS)]
            fates += await _all(instance.caller, bodies)
            lounge.sim.say(lounge.owner, lounge.group, "/protect @gm_news")
            await lounge.settled()
    dead = await platform.fetch("SELECT error FROM dead_letters")

    assert {kind for update in corpus for kind in update} >= {*ALLOWED_UPDATES}
    assert [fate.statuses for fate in fates if fate.statuses[-1] != 200 and _is_json_object(fate.body)] == []
    assert {fate.statuses[-1] for fate in fates} <= {200, 400}
    assert Counter(row["error"] for row in dead) == Counter()
    # Forty at once about the same few people may get into each other's way in the database; the next try settles it.
    assert {event["event"] for event in events if event["log_level"] in {"error", "critical"}} <= {"update.failed"}
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []

"""A hundred hosted bots: what they cost while they are idle, and how long they take to start."""

import os
import sys
import time
from pathlib import Path

import pytest

from bot.simulator import Bot, Chat, Fault
from tests.faults.meters import cpu_seconds
from tests.kits.platform import Lounge, Platform, add_group, eventually
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow]

MANY = 100
# The promises are half a megabyte for an idle bot and 5 s for the start of all; a busy machine is given more time.
MOST_BYTES_EACH = 512 * 1024
MOST_CPU_SECONDS = 5.0
START_SECONDS = 40.0


def resident(pid: int | None) -> int:
    """Return the memory a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def started(platform: Platform, bots: int) -> tuple[int, float, float]:
    """Start an instance and wait until all webhooks are set; return its memory, the seconds that took, those of CPU."""
    begun, before = time.monotonic(), len(platform.sim.calls_of("setWebhook"))
    async with platform.process(free_port(), LOG_LEVEL="warning") as instance:

        def all_set() -> bool:
            return len(platform.sim.calls_of("setWebhook")) - before >= bots

        await eventually(all_set, "all webhooks are set", within=START_SECONDS)
        took = time.monotonic() - begun
        return resident(instance.pid), took, cpu_seconds(instance.pid or 0)


async def test_a_hundred_bots_are_cheap_and_start_quickly(
    lounge: Lounge, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compared with the same instance and one bot."""
    alone, *_ = await started(platform, 1)
    await platform.host(*(lounge.sim.add_bot(username=f"bot_{number}_bot") for number in range(MANY - 1)))
    together, seconds, busy = await started(platform, MANY)
    each = (together - alone) / (MANY - 1)
    with capsys.disabled():
        took = f"{MANY} bots started in {seconds:.1f} s, {busy:.1f} s of CPU time"
        sys.stdout.write(f"\n{each / 1024:.0f} KiB for each idle bot; {took}\n")

    assert each < MOST_BYTES_EACH
    # What other programs on the machine take is no part of this one.
    assert busy < MOST_CPU_SECONDS


async def furnish_another(lounge: Lounge, platform: Platform, number: int) -> tuple[Bot, Chat]:
    """Host a bot with a group and a channel of its own, protected already."""
    sim = lounge.sim
    bot = sim.add_bot(username=f"bot_{number}_bot")
    channel = sim.add_channel(f"Channel {number}", owner=lounge.owner)
    sim.promote(channel, bot, can_invite_users=True)
    group = add_group(sim, bot, lounge.owner, f"Group {number}")
    sim.join(lounge.stranger, group)
    await platform.host(bot)
    await platform.fetch(
        "WITH c AS (INSERT INTO channels (bot_id, channel_id, title) VALUES ($1, $2, 'Channel') RETURNING 1),"
        " g AS (INSERT INTO protected_groups (bot_id, group_id, title, configured_by, seq)"
        " VALUES ($1, $3, 'Group', 1, 1) RETURNING 1) SELECT * FROM c, g",
        bot.id,
        channel.id,
        group.id,
    )
    await platform.fetch(
        "INSERT INTO group_channel_links (bot_id, group_id, channel_id, position) VALUES ($1, $2, $3, 0)",
        bot.id,
        group.id,
        channel.id,
    )
    return bot, group


@pytest.mark.timeout(240)
async def test_ten_that_fail_leave_ninety_alone(
    lounge: Lounge, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tokens revoked, floods, answers that break the handlers: in all other groups the stranger is muted as ever."""
    sim = lounge.sim
    others = [await furnish_another(lounge, platform, number) for number in range(MANY)]
    sim.forget_updates()
    async with platform.instance(LOG_LEVEL="error"):
        await eventually(lambda: len(sim.calls_of("setWebhook")) > MANY, "all webhooks are set", within=START_SECONDS)
        for number, (bot, _) in enumerate(others[:10]):
            match number % 3:
                case 0:
                    sim.faults.add(Fault(kind="error", bot=bot.id, times=None, code=401, description="Unauthorized"))
                case 1:
                    sim.faults.add(Fault(kind="flood", bot=bot.id, times=None, retry_after=30))
                case _:
                    sim.faults.add(Fault(kind="lie", bot=bot.id, times=None, result="nonsense"))
        began = time.monotonic()
        for _, group in others:
            sim.say(lounge.stranger, group, "hello")
        healthy = [group for _, group in others[10:]]
        await eventually(
            lambda: all(lounge.muted(lounge.stranger, group) for group in healthy), "ninety mute", within=90
        )
        took = time.monotonic() - began

    with capsys.disabled():
        sys.stdout.write(f"\n90 groups gated in {took:.1f} s beside 10 bots that fail\n")
    failing = {bot.id for bot, _ in others[:10]}
    assert not any(lounge.muted(lounge.stranger, group) for _, group in others[:10])
    assert {row["bot_id"] for row in await platform.fetch("SELECT bot_id FROM dead_letters")} <= failing

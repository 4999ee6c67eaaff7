"""Many bots in one deployment: they come, go and change while instances run, and none touches another."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import pytest

from bot.app import administration
from bot.core.settings import Settings
from bot.domain.api import Scope
from bot.domain.errors import AlreadyHostedError, InvalidInputError, StillHeldError, TokenRefusedError
from bot.domain.ids import BotId, UserId
from bot.domain.secret import Secret
from bot.services.hosting.bots import Hosting
from bot.simulator import Fault
from tests.acceptance.kit import finished, gated
from tests.acceptance.operators.test_console import link_to
from tests.kits.api import Api, token_for
from tests.kits.console import visitor
from tests.kits.ingress import serves
from tests.kits.platform import Lounge, Platform, add_group, eventually

pytestmark = pytest.mark.servers

ME = UserId(1)
# What the deployment promises; a busy machine is given more below.
TWO_SECONDS = 30.0


def nothing(_: int) -> None:
    """Hear of progress and do nothing."""


@asynccontextmanager
async def desk(platform: Platform) -> AsyncIterator[Hosting]:
    """Open what operators' commands work with."""
    async with administration(Settings.from_env(platform.environment(0))) as admin:
        yield admin.hosting


@asynccontextmanager
async def two_instances(platform: Platform) -> AsyncIterator[tuple[str, str]]:
    """Run two instances behind one address."""
    async with platform.instance() as first, platform.instance(WEBHOOK_URL=first) as second:
        await platform.webhook_is_set()
        await platform.sim.settled()
        yield first, second


def another(lounge: Lounge, name: str = "second_bot") -> Lounge:
    """Furnish a second lounge in the same world, with a bot and channels of its own and the same people."""
    sim = lounge.sim
    bot = sim.add_bot(username=name, first_name="Second")
    channels = [sim.add_channel(title, owner=lounge.owner) for title in ("Blog", "Club")]
    for channel in channels:
        sim.promote(channel, bot, can_invite_users=True)
        sim.join(lounge.member, channel)
    group = add_group(sim, bot, lounge.owner, "Other lounge")
    for user in (lounge.member, lounge.stranger):
        sim.join(user, group)
    return Lounge(sim, bot, lounge.owner, lounge.member, lounge.stranger, channels[0], channels[1], group)


async def test_a_bot_is_added_while_instances_run(lounge: Lounge, platform: Platform) -> None:
    """All of them take its updates within moments, and it does the whole job."""
    other = another(lounge)
    async with two_instances(platform) as urls, desk(platform) as hosting:
        added = await hosting.add(Secret(other.bot.token), name="second", by=ME)
        await eventually(lambda: bool(lounge.sim.calls_of("setWebhook")[1:]), "its webhook is set", within=TWO_SECONDS)
        secret = str(lounge.sim.calls_of("setWebhook")[-1].params["secret_token"])
        for url in urls:
            await eventually(partial(serves, url, other.bot.id, secret), "it is served", within=TWO_SECONDS)
        await other.protect(other.news)
        await gated(other, platform, other.stranger)

    assert (added.name, added.username, added.state) == ("second", "second_bot", "running")
    assert not lounge.muted(lounge.stranger)


async def test_a_disabled_bot_frees_everybody_and_rests(lounge: Lounge, platform: Platform) -> None:
    """Then it gates nobody; enabled again it gates as before."""
    async with two_instances(platform) as urls, desk(platform) as hosting:
        secret = str(lounge.sim.calls_of("setWebhook")[-1].params["secret_token"])
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
        await hosting.disable(BotId(lounge.bot.id), by=ME, wait=20, progress=nothing)

        assert not lounge.muted(lounge.stranger)
        for url in urls:
            await eventually(partial(_refuses, url, lounge.bot.id, secret), "it is served no more", within=TWO_SECONDS)
        await hosting.enable(BotId(lounge.bot.id), by=ME)
        for url in urls:
            await eventually(partial(serves, url, lounge.bot.id, secret), "it is served", within=TWO_SECONDS)

        async def muted() -> bool:
            # A message that overtakes the news of the gate passes; the next one does not.
            if not lounge.muted(lounge.stranger):
                lounge.sim.say(lounge.stranger, lounge.group, "hello")
            await lounge.settled()
            return lounge.muted(lounge.stranger)

        await eventually(muted, "the stranger is muted again", within=TWO_SECONDS)
        await finished(lounge, platform)


async def _refuses(url: str, bot: int, secret: str) -> bool:
    return not await serves(url, bot, secret)


async def test_a_secret_is_exchanged_and_nothing_is_refused(lounge: Lounge, platform: Platform) -> None:
    """Telegram's old secret counts until it uses the new one; then only the new one does."""
    async with two_instances(platform) as urls, desk(platform) as hosting:
        former = str(lounge.sim.calls_of("setWebhook")[-1].params["secret_token"])
        await hosting.rotate_secret(BotId(lounge.bot.id), by=ME)
        for number in range(20):
            lounge.sim.say(lounge.member, lounge.group, f"hello {number}")
        await eventually(lambda: len(lounge.sim.calls_of("setWebhook")) == 2, "the secret is told", within=TWO_SECONDS)
        current = str(lounge.sim.calls_of("setWebhook")[-1].params["secret_token"])
        lounge.sim.say(lounge.member, lounge.group, "hello again")
        await lounge.settled()

        assert {delivery.status for delivery in lounge.sim.deliveries} == {200}
        assert current != former
        for url in urls:
            await eventually(partial(serves, url, lounge.bot.id, current), "the new one is known", within=TWO_SECONDS)
            await eventually(partial(_refuses, url, lounge.bot.id, former), "the former one is refused")


async def test_a_given_secret_is_not_exchanged(lounge: Lounge, platform: Platform) -> None:
    """A setting names the secret of all bots: the console and the API refuse, and nothing is written."""
    given, what = "one-secret-that-counts-for-all", "WEBHOOK_SECRET is set and counts for all bots"
    async with (
        platform.instance(WEBHOOK_SECRET=given) as url,
        visitor(url) as owner,
        aiohttp.ClientSession() as session,
    ):
        await platform.webhook_is_set()
        api = Api(session, url, await token_for(platform, Scope.ADMIN))
        await owner.log_in(await link_to(platform, url))
        page = await owner.post(f"bots/{lounge.bot.id}/rotate-secret")
        refused = await api.post(f"/bots/{lounge.bot.id}/rotate-secret")

    assert (owner.status, what in page) == (409, True)
    assert (refused.status, str(refused.json["detail"]).startswith(what)) == (409, True)
    assert await platform.fetch("SELECT 1 FROM audit_log WHERE action = 'bot_rotate_secret'") == []


async def test_a_revoked_token_rests_the_bot_and_no_other(lounge: Lounge, platform: Platform) -> None:
    """Nobody is muted or freed for it; with the new token the bot goes on where it was."""
    other = another(lounge)
    async with platform.instance(), desk(platform) as hosting:
        await platform.webhook_is_set()
        await hosting.add(Secret(other.bot.token), name=None, by=ME)
        await eventually(lambda: len(lounge.sim.calls_of("setWebhook")) == 2, "its webhook is set")
        for each in (lounge, other):
            await each.protect(each.news)
        await gated(lounge, platform, lounge.stranger)
        token = lounge.sim.revoke_token(lounge.bot)
        # The news reaches GMBot although the token is refused, as an update does that was under way.
        lounge.sim.join(lounge.stranger, lounge.news)

        async def refused() -> bool:
            return (await hosting.find(str(lounge.bot.id))).state == "refused"

        await eventually(refused, "the bot is marked")
        lounge.sim.say(other.stranger, other.group, "hello")
        await other.until_muted(other.stranger)

        assert lounge.muted(lounge.stranger)
        with pytest.raises(InvalidInputError, match="another bot's"):
            await hosting.rotate_token(BotId(lounge.bot.id), Secret(other.bot.token), by=ME)
        await hosting.rotate_token(BotId(lounge.bot.id), Secret(token), by=ME)
        await eventually(lambda: not lounge.muted(lounge.stranger), "the stranger is freed")
        await finished(lounge, platform)


async def test_bots_in_trouble_do_not_hold_up_another(lounge: Lounge, platform: Platform) -> None:
    """One is flooded, one hangs, one is revoked, each with a crowd at its gate; the fourth gates at its usual pace."""
    troubled = [another(lounge, f"{name}_bot") for name in ("flooded", "hanging", "revoked")]
    async with platform.instance(), desk(platform) as hosting:
        await platform.webhook_is_set()
        for each in troubled:
            await hosting.add(Secret(each.bot.token), name=None, by=ME)
        await eventually(lambda: len(lounge.sim.calls_of("setWebhook")) == 4, "webhooks are set")
        for each in (lounge, *troubled):
            await each.protect(each.news)
        crowd = [lounge.sim.add_user(f"Visitor {number}") for number in range(40)]
        for each, fault in zip(troubled, _troubles(), strict=True):
            fault.bot = each.bot.id
            lounge.sim.faults.add(fault)
            for visitor in crowd:
                lounge.sim.join(visitor, each.group)
                lounge.sim.say(visitor, each.group, "hello")
        lounge.sim.say(lounge.stranger, lounge.group, "hello")
        await eventually(lambda: lounge.muted(lounge.stranger), "the stranger is muted in time", within=60)
        lounge.sim.join(lounge.stranger, lounge.news)
        await eventually(lambda: not lounge.muted(lounge.stranger), "and freed in time", within=60)
        lounge.sim.faults.clear()


def _troubles() -> list[Fault]:
    return [
        Fault(kind="flood", times=None, retry_after=1),
        Fault(kind="delay", times=None, seconds=5.0),
        Fault(kind="error", times=None, code=401, description="Unauthorized"),
    ]


async def test_a_removed_bot_leaves_nobody_muted_and_nothing_behind(lounge: Lounge, platform: Platform) -> None:
    """Its webhook, groups and cases are gone; the audit tells who did it."""
    async with platform.instance(), desk(platform) as hosting:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
        await hosting.remove(BotId(lounge.bot.id), by=ME, wait=20, progress=nothing, abandon=False)

        assert not lounge.muted(lounge.stranger)
        assert await hosting.bots() == []
    assert lounge.sim.calls_of("deleteWebhook")
    assert await platform.fetch("SELECT 1 FROM protected_groups") == []
    assert [
        row["actor"] for row in await platform.fetch("SELECT actor FROM audit_log WHERE action = 'bot_remove'")
    ] == [1]


async def test_nobody_is_left_muted_by_a_bot_that_goes(lounge: Lounge, platform: Platform) -> None:
    """A bot that cannot free people any more is not removed, unless they are abandoned knowingly."""
    async with platform.instance(), desk(platform) as hosting:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
        lounge.sim.faults.add(Fault(kind="error", method="restrictChatMember", times=None))

        with pytest.raises(StillHeldError, match="1 people"):
            await hosting.remove(BotId(lounge.bot.id), by=ME, wait=1, progress=nothing, abandon=False)
        assert [bot.held for bot in await hosting.bots()] == [1]
        await hosting.remove(BotId(lounge.bot.id), by=ME, wait=1, progress=nothing, abandon=True)
        assert await hosting.bots() == []


async def test_what_is_no_bot_is_not_hosted(lounge: Lounge, platform: Platform) -> None:
    """A token that Telegram does not know, that is none, or whose bot is hosted already."""
    async with platform.instance(), desk(platform) as hosting:
        with pytest.raises(TokenRefusedError):
            await hosting.add(Secret(f"{lounge.bot.id}:SIM{secrets.token_hex(8)}"), name=None, by=ME)
        with pytest.raises(InvalidInputError, match="looks like 1234567890:AA"):
            await hosting.add(Secret("hello"), name=None, by=ME)
        with pytest.raises(InvalidInputError, match="letters, digits"):
            await hosting.add(Secret(lounge.bot.token), name="<b>'; DROP TABLE bots", by=ME)
        with pytest.raises(AlreadyHostedError):
            await hosting.add(Secret(lounge.bot.token), name="twin", by=ME)


async def test_the_same_bot_token_does_not_undo_a_rotation(lounge: Lounge, platform: Platform) -> None:
    """BOT_TOKEN still holds the token before: a restart goes on with the rotated one."""
    async with platform.instance():
        await platform.webhook_is_set()
    former = lounge.bot.token
    token = lounge.sim.revoke_token(lounge.bot)
    async with desk(platform) as hosting:
        await hosting.rotate_token(BotId(lounge.bot.id), Secret(token), by=ME)
    async with platform.instance(BOT_TOKEN=former), desk(platform) as hosting:
        await eventually(lambda: len(lounge.sim.calls_of("setWebhook")) == 2, "the webhook is set")

        assert [bot.state for bot in await hosting.bots()] == ["running"]

"""How soon every instance goes by a change of the hosted bots."""

import asyncio
from collections.abc import Awaitable, Sequence

from bot.app import administration
from bot.core.settings import Settings
from bot.domain.ids import BotId, UserId
from bot.domain.secret import Secret
from tests.kits.ingress import serves
from tests.kits.platform import Platform, eventually

FORMER = "rid of the former secret"
"""What Telegram sent before it heard of the new one is taken for some seconds more, so this takes longer."""

_BY = UserId(1)


async def life_of_a_bot(platform: Platform, urls: Sequence[str], username: str) -> dict[str, float]:
    """Do with a new bot what operators can do, as their commands do it.

    Returns for each change the seconds from the beginning of the command until the last instance went by it.
    """
    loop, bot = asyncio.get_running_loop(), platform.sim.add_bot(username=username)
    number = BotId(bot.id)
    async with administration(Settings.from_env(platform.environment(0))) as admin:
        hosting = admin.hosting

        async def current() -> Secret:
            return (await admin.bots.hosted(number)).secrets[0]

        async def everywhere(secret: Secret, *, served: bool) -> None:
            await asyncio.gather(*(_until(url, number, secret, served=served) for url in urls))

        async def after(command: Awaitable[object], *, served: bool, secret: Secret | None = None) -> float:
            began = loop.time()
            await command
            await everywhere(secret or await current(), served=served)
            return loop.time() - began

        took = {"added": await after(hosting.add(Secret(bot.token), name=None, by=_BY), served=True)}
        stopping = hosting.disable(number, by=_BY, wait=0, progress=lambda _: None)
        took["disabled"] = await after(stopping, served=False)
        took["enabled"] = await after(hosting.enable(number, by=_BY), served=True)
        former, began = await current(), loop.time()
        took["given another secret"] = await after(hosting.rotate_secret(number, by=_BY), served=True)
        await everywhere(former, served=False)
        took[FORMER] = loop.time() - began
        removing = hosting.remove(number, by=_BY, wait=0, progress=lambda _: None, abandon=False)
        took["removed"] = await after(removing, served=False, secret=await current())
    return took


async def _until(url: str, bot: BotId, secret: Secret, *, served: bool) -> None:
    async def goes_by_it() -> bool:
        return await serves(url, bot, secret.reveal()) is served

    await eventually(goes_by_it, f"an instance {'serves' if served else 'refuses'} the bot", within=60)

"""The menu of commands: set by one instance, for each scope and language, once."""

import pytest

from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers


async def _is_set(platform: Platform) -> bool:
    return bool(await platform.fetch("SELECT 1 FROM bots WHERE menu_set IS NOT NULL"))


async def test_two_instances_set_the_menu_once(lounge: Lounge, platform: Platform) -> None:
    """For each scope in all languages, and the rights the bot asks for; each once."""
    async with (
        platform.instance(BOT_MENU="1", RATE_LIMIT_BULK="1000"),
        platform.instance(BOT_MENU="1", RATE_LIMIT_BULK="1000"),
    ):
        await eventually(lambda: _is_set(platform), "the menu is set", within=60)

    menus = [(str(call.params["scope"]), call.params.get("language_code")) for call in lounge.calls("setMyCommands")]
    assert len(menus) == len(set(menus)) == 4 * 15
    assert len(lounge.calls("setMyDefaultAdministratorRights")) == 2
    assert "Kanäle" in str(lounge.bot.profile["description:de"])
    assert "'verify'" in str(lounge.bot.profile["commands:all_group_chats:::"])
    assert "'protect'" not in str(lounge.bot.profile["commands:all_group_chats:::"])
    assert "'protect'" in str(lounge.bot.profile["commands:all_chat_administrators:::de"])

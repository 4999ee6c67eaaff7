"""The menu of commands that somebody sees in a chat, as Telegram's apps choose it."""

from .model import Bot, Chat, JsonObject, Member
from .world import World


def menu(world: World, chat: Chat, me: Member) -> list[JsonObject]:
    """Return the commands of the chat's bots, each with its bot's username."""
    if chat.type == "channel" or (chat.bot is None and not me.is_member):
        return []
    return [{**each, "bot": bot.username} for bot in world.bots_in(chat) for each in _commands(bot, chat, me)]


def _commands(bot: Bot, chat: Chat, me: Member) -> list[JsonObject]:
    """Return the commands of the narrowest scope that has any; the viewer's language goes before none."""
    for scope in _scopes(chat, me):
        for language in (me.user.language_code or "", ""):
            commands = bot.profile.get(f"commands:{scope}:{language[:2]}")
            if isinstance(commands, list) and commands:
                return [each for each in commands if isinstance(each, dict)]
    return []


def _scopes(chat: Chat, me: Member) -> list[str]:
    """Return the scopes that fit, the narrowest first."""
    here = f"chat:{chat.id}:"
    if chat.bot is not None:
        return [here, "all_private_chats::", "default::"]
    admins = [f"chat_administrators:{chat.id}:"] if me.is_admin else []
    everywhere = ["all_chat_administrators::"] if me.is_admin else []
    return [f"chat_member:{chat.id}:{me.user.id}", *admins, here, *everywhere, "all_group_chats::", "default::"]

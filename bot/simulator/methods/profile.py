"""Methods about the bot itself: its name, its commands, its menu."""

import re
from collections.abc import Callable
from functools import partial
from types import MappingProxyType

from bot.simulator.errors import ApiError
from bot.simulator.model import JsonObject
from bot.simulator.permissions import ALL_RIGHTS, CHANNEL_RIGHTS, GROUP_RIGHTS
from bot.simulator.shapes import bot_json

from .call import MethodCall

MOST_COMMANDS = 100
LONGEST_COMMAND_DESCRIPTION = 256
SCOPES = frozenset(
    {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    }
)
_LANGUAGE = re.compile(r"[a-z]{2}\Z")
_COMMAND = re.compile(r"[a-z0-9_]{1,32}\Z")


def get_me(call: MethodCall) -> object:
    """Return the bot's own account."""
    return bot_json(call.bot)


def _scope(call: MethodCall) -> str:
    """Return where commands apply, as one key."""
    scope = call.args.json_object("scope") or {"type": "default"}
    if scope.get("type") not in SCOPES:
        raise ApiError.bad_request("can't parse BotCommandScope: Unsupported type specified")
    language = call.args.text("language_code")
    if language and not _LANGUAGE.match(language):
        raise ApiError.bad_request("BOT_COMMANDS_LANGUAGE_CODE_INVALID")
    parts = [str(scope.get(name, "")) for name in ("type", "chat_id", "user_id")]
    return ":".join([*parts, language])


def set_my_commands(call: MethodCall) -> object:
    """Set the commands of one scope and language."""
    commands = call.args.json("commands")
    if not isinstance(commands, list):
        raise ApiError.bad_request("expected an Array of BotCommand")
    if len(commands) > MOST_COMMANDS:
        raise ApiError.bad_request("too many commands")
    call.bot.profile[f"commands:{_scope(call)}"] = [_command(each) for each in commands]
    call.backend.record.changed()
    return True


def _command(value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise ApiError.bad_request("expected an Object as BotCommand")
    name = str(value.get("command", "")).removeprefix("/")
    description = value.get("description")
    if not _COMMAND.match(name):
        raise ApiError.bad_request("BOT_COMMAND_INVALID")
    if not isinstance(description, str) or not 1 <= len(description) <= LONGEST_COMMAND_DESCRIPTION:
        raise ApiError.bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    result: JsonObject = {"command": name, "description": description}
    return result | ({"is_ephemeral": True} if value.get("is_ephemeral") is True else {})


def get_my_commands(call: MethodCall) -> object:
    """Return the commands of one scope and language."""
    return call.bot.profile.get(f"commands:{_scope(call)}", [])


def delete_my_commands(call: MethodCall) -> object:
    """Drop the commands of one scope and language."""
    call.bot.profile.pop(f"commands:{_scope(call)}", None)
    return True


def _set_text(field: str, longest: int, call: MethodCall) -> object:
    text = call.args.text(field)
    if len(text) > longest:
        raise ApiError.bad_request(f"bot {field.replace('_', ' ')} is too long")
    call.bot.profile[f"{field}:{call.args.text('language_code')}"] = text
    return True


def _get_text(field: str, call: MethodCall) -> object:
    default = call.bot.first_name if field == "name" else ""
    return {field: call.bot.profile.get(f"{field}:{call.args.text('language_code')}", default)}


def set_default_rights(call: MethodCall) -> object:
    """Suggest rights to those who add the bot."""
    where = "channels" if call.args.boolean("for_channels") else "groups"
    call.bot.profile[f"rights:{where}"] = call.args.json_object("rights") or {}
    return True


def get_default_rights(call: MethodCall) -> object:
    """Return the suggested rights, missing ones as false."""
    in_channels = call.args.boolean("for_channels")
    held = call.bot.profile.get(f"rights:{'channels' if in_channels else 'groups'}", {})
    foreign = GROUP_RIGHTS if in_channels else CHANNEL_RIGHTS
    given = held if isinstance(held, dict) else {}
    return {name: given.get(name) is True for name in ("is_anonymous", *ALL_RIGHTS) if name not in foreign}


def set_chat_menu_button(call: MethodCall) -> object:
    """Set the button beside the composer."""
    button = call.args.json_object("menu_button") or {"type": "default"}
    call.bot.profile[f"menu:{call.args.text('chat_id')}"] = button
    return True


def get_chat_menu_button(call: MethodCall) -> object:
    """Return the button beside the composer."""
    return call.bot.profile.get(f"menu:{call.args.text('chat_id')}", {"type": "commands"})


METHODS: MappingProxyType[str, Callable[[MethodCall], object]] = MappingProxyType(
    {
        "getMe": get_me,
        "setMyCommands": set_my_commands,
        "getMyCommands": get_my_commands,
        "deleteMyCommands": delete_my_commands,
        "setMyName": partial(_set_text, "name", 64),
        "getMyName": partial(_get_text, "name"),
        "setMyDescription": partial(_set_text, "description", 512),
        "getMyDescription": partial(_get_text, "description"),
        "setMyShortDescription": partial(_set_text, "short_description", 120),
        "getMyShortDescription": partial(_get_text, "short_description"),
        "setMyDefaultAdministratorRights": set_default_rights,
        "getMyDefaultAdministratorRights": get_default_rights,
        "setChatMenuButton": set_chat_menu_button,
        "getChatMenuButton": get_chat_menu_button,
    }
)

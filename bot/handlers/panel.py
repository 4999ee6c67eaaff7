"""The panel of a group's settings: what it shows, and what its buttons carry."""

import json
from dataclasses import dataclass
from hashlib import sha256

from bot.domain.group import ProtectedGroup
from bot.domain.ids import GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.domain.policy import SETTINGS, Enforcement, chosen, options, written
from bot.domain.prompt_text import LONGEST
from bot.services.gate.prompts import minutes
from bot.services.ports.runtime import Texts

PREFIX = "s:"
ANYBODY = UserId(0)
"""Whose panel an anonymous admin's is: any admin's."""
MENU, EXPORT, CLOSE, WORDS, RESET = "m", "e", "x", "t", "r"
TEXT = "\n/text "
"""What stands between settings and words in one message."""
EXAMPLE = "/text <b>{group}</b>: {name}, {channels} ♥"
"""A text that every language can read."""
_MINUTE_SETTINGS = ("kick_minutes", "grace_minutes", "pending_minutes", "tidy_minutes")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a button is bound to: the group, whose panel it stands on, and the settings that the panel shows."""

    group: GroupId
    user: UserId
    nonce: str
    action: str
    """`m`, `e`, `x`, `t`, `r`, the name of a setting, or `name=option`."""

    def __str__(self) -> str:
        """Write it as callback data, of at most 64 bytes."""
        return f"{PREFIX}{-self.group:x}:{self.user:x}:{self.nonce}:{self.action}"


def ticket(data: str) -> Ticket | None:
    """Read callback data; None for what no panel of this release carries."""
    parts = data.removeprefix(PREFIX).split(":")
    try:
        group, user, nonce, action = parts
        return Ticket(GroupId(-int(group, 16)), UserId(int(user, 16)), nonce, action)
    except ValueError:
        return None


def nonce_of(group: ProtectedGroup) -> str:
    """Tell settings from any others."""
    return sha256(json.dumps(written(group.policy), sort_keys=True).encode()).hexdigest()[:6]


class Panel:
    """Draws panels of one group for one admin."""

    def __init__(
        self, texts: Texts, language: str, group: ProtectedGroup, user: UserId, *, elsewhere: str | None = None
    ) -> None:
        """Draw for a chat; `elsewhere` is the link that opens the panel in private."""
        self._texts = texts
        self._language = language
        self._group = group
        self._user = user
        self._elsewhere = elsewhere

    def menu(self) -> Outgoing:
        """List the settings with what is chosen."""
        shown = self._shown()
        lines = [self._say("settings.panel", group=self._group.title), ""]
        lines += [f"{self._say(f'setting.{name}')}: <b>{self._option(name, self._chosen(name))}</b>" for name in shown]
        buttons = [self._button(self._plain(f"setting.{name}"), name) for name in shown]
        rows = [tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2)]
        rows.append((self._button(self._plain("text.button"), WORDS),))
        ends = (
            self._button(self._plain("settings.export_button"), EXPORT),
            self._button(self._plain("settings.close_button"), CLOSE),
        )
        rows.append(ends)
        if self._elsewhere is not None:
            rows.append((Button(self._plain("settings.private_button"), url=self._elsewhere),))
        return Outgoing("\n".join(lines), tuple(rows))

    def setting(self, name: str) -> Outgoing:
        """Explain one setting and what each of its options does."""
        lines = [f"<b>{self._say(f'setting.{name}')}</b>", self._say(f"setting.{name}.help"), ""]
        for option in options(name):
            mark = "▸" if option == self._chosen(name) else "▹"
            lines.append(f"{mark} <b>{self._option(name, option)}</b>: {self._effect(name, option)}")
        buttons = [
            self._button(
                self._option(name, option),
                f"{name}={option}",
                style="primary" if option == self._chosen(name) else None,
            )
            for option in options(name)
        ]
        rows = [tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2)]
        return Outgoing("\n".join(lines), (*rows, (self._back(),)))

    def export(self) -> Outgoing:
        """Show the settings, and words of their own, as the one message that sets them elsewhere."""
        line = " ".join(["/settings", *(f"{name}={self._chosen(name)}" for name in SETTINGS if name != "locked")])
        if self._group.prompt_text is not None:
            line += f"{TEXT}{self._group.prompt_text}"
        return Outgoing(self._say("settings.export", line=line), ((self._back(),),))

    def words(self) -> Outgoing:
        """Show the words of the prompt, and how to change them."""
        own = self._group.prompt_text
        lines = [self._say("text.own", line=own) if own is not None else self._say("text.standard")]
        lines.append(self._say("text.usage", most=LONGEST, line=EXAMPLE))
        reset = () if own is None else (self._button(self._plain("text.reset_button"), RESET, style="danger"),)
        return Outgoing("\n\n".join(lines), tuple(row for row in (reset, (self._back(),)) if row))

    def _back(self) -> Button:
        return self._button(self._plain("settings.back_button"), MENU)

    def _shown(self) -> list[str]:
        removes = self._group.policy.enforcement is Enforcement.KICK
        return [name for name in SETTINGS if removes or name != "kick_minutes"]

    def _chosen(self, name: str) -> str:
        return chosen(self._group.policy, name)

    def _option(self, name: str, option: str) -> str:
        if name in _MINUTE_SETTINGS:
            return self._minutes(int(option))
        if option in {"on", "off"}:
            return self._plain(f"option.{option}")
        return self._plain(f"option.{name}.{option}")

    def _minutes(self, total: int) -> str:
        return minutes(total, self._language, self._texts) if total else self._plain("option.off")

    def _effect(self, name: str, option: str) -> str:
        if name in _MINUTE_SETTINGS:
            given = self._minutes(int(option))
            return self._say(f"effect.{name}.off") if option == "0" else self._say(f"effect.{name}", time=given)
        return self._say(f"effect.{name}.{option}")

    def _button(self, text: str, action: str, *, style: str | None = None) -> Button:
        data = str(Ticket(self._group.group_id, self._user, nonce_of(self._group), action))
        return Button(text, data=data, style=style)

    def _say(self, key: str, **values: str | int) -> str:
        return self._texts.say(key, self._language, **values)

    def _plain(self, key: str, **values: str | int) -> str:
        return self._texts.toast(key, self._language, **values)

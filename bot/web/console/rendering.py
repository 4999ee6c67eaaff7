"""Templates. Whatever is filled in is text: names of people and groups are escaped wherever they land."""

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from types import MappingProxyType

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse

from bot.services.ports.runtime import Clock
from bot.web.assets import Assets

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

_DONE: Mapping[str, str] = MappingProxyType(
    {
        "paused": "The gate is paused. Everybody GMBot muted here is being freed.",
        "already": "It was so already.",
        "resumed": "The gate is on again.",
        "not-gated": "A right or a channel is missing: see below. The gate closes by itself when it is back.",
        "checked": "The rights were compared with Telegram; nothing is missing.",
        "policy": "The policy is in force, also for who is held now.",
        "sent": "The message was sent.",
        "enabled": "The bot is enabled. Instances serve it within two seconds.",
        "disabled": "The bot is disabled.",
        "secret": "The webhook has a new secret; the former one counts until Telegram uses the new one.",
        "token": "The token was exchanged.",
        "log": "All instances log so within two seconds, until the time is over.",
        "owner": "They may see and run this bot from now on: by /console in a private chat with any of the bots.",
        "owner-gone": "It is not theirs any more.",
        "added": "The bot is hosted. Instances serve it within two seconds.",
        "removed": "The bot was removed.",
        "replayed": "An instance takes it up within seconds.",
        "dropped": "It was given up for good.",
        "out": "You are logged out.",
    }
)


class Templates:
    """Renders pages and parts of pages."""

    def __init__(self, *, assets: Assets, clock: Clock) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=FunctionLoader(_source),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(asset=assets.url, done=_DONE)
        self._environment.filters.update(
            ago=self._ago, stamp=_stamp, number=_number, megabytes=_megabytes, words=_words, json=json.dumps
        )

    def page(self, template: str, status: int, /, **values: object) -> HTMLResponse:
        """Render a template."""
        return HTMLResponse(self.text(template, **values), status_code=status)

    def text(self, template: str, /, **values: object) -> str:
        """Render a template into a text."""
        return self._environment.get_template(f"{template}.html").render(values)

    def _ago(self, moment: datetime | None) -> str:
        if moment is None:
            return "never"
        seconds = (self._clock.now() - moment).total_seconds()
        away = abs(seconds)
        for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
            if away >= length:
                text = f"{int(away // length)} {unit}"
                break
        else:
            text = f"{int(away)} s"
        return f"{text} ago" if seconds >= 0 else f"in {text}"


def _source(name: str) -> str | None:
    file = files("bot.web").joinpath("templates", name)
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _stamp(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.2f} MB"


def _words(text: str | None) -> str:
    return (text or "").replace("_", " ")

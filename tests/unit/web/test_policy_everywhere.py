"""A setting is one in the chat, in the API and in the console."""

from importlib.resources import files

from bot.domain.policy import SETTINGS, options
from bot.web.api.asked import PolicyChoices


def test_the_api_takes_every_setting() -> None:
    """In the order in which the panel shows them, and none besides."""
    assert PolicyChoices.__struct_fields__ == SETTINGS


def test_the_console_has_words_for_every_setting_and_option() -> None:
    """Else it would show the names that programs use."""
    page = files("bot.web").joinpath("templates", "policy.html").read_text(encoding="utf-8")
    words = {line.split('"')[1]: line for line in page.splitlines() if line.startswith('  "')}

    assert tuple(words) == SETTINGS
    assert all(f'"{option}": "' in words[name] for name in SETTINGS for option in options(name))

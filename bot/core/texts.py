"""The sentences of bot/locales, by key and language."""

import gettext
import html
from importlib.resources import files
from io import BytesIO

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bot.domain.directions import right_to_left

FALLBACK = "en"
# answerCallbackQuery refuses more.
_TOAST_LENGTH = 200


class Catalogs:
    """All languages the bot speaks. A sentence a language lacks is said in English."""

    def __init__(self, catalogs: dict[str, gettext.NullTranslations]) -> None:
        self._catalogs = catalogs

    def say(self, key: str, language: str, **values: str | int) -> str:
        """Return the sentence as HTML: what is put in is escaped."""
        escaped = {name: html.escape(str(value), quote=False) for name, value in values.items()}
        return self._template(key, language, values).format(**escaped)

    def toast(self, key: str, language: str, **values: str | int) -> str:
        """Return the sentence as plain text of at most 200 characters."""
        text = self._template(key, language, values).format(**values)
        return text if len(text) <= _TOAST_LENGTH else text[: _TOAST_LENGTH - 1] + "…"

    def name(self, language: str) -> str:
        """Return what those who speak a language call it."""
        name = Locale.parse(language).get_display_name() or language
        return name[:1].upper() + name[1:]

    def supported(self, language: str | None) -> str:
        """Return the nearest language the bot speaks: `pt-br` is `pt_BR`, `de-AT` is `de`."""
        tag = (language or FALLBACK).replace("-", "_").lower()
        by_tag = {name.lower(): name for name in self._catalogs}
        near = (name for name in sorted(self._catalogs) if name.lower().split("_")[0] == tag.split("_")[0])
        return by_tag.get(tag) or next(near, FALLBACK)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are catalogs for."""
        return tuple(sorted(self._catalogs))

    def _template(self, key: str, language: str, values: dict[str, str | int]) -> str:
        catalog = self._catalogs.get(language) or self._catalogs[FALLBACK]
        count = values.get("count")
        return catalog.ngettext(key, key, count) if isinstance(count, int) else catalog.gettext(key)


def load_catalogs() -> Catalogs:
    """Read every `<language>.po`. They are small; compiling them here leaves no stale binary to forget."""
    compiled: dict[str, gettext.GNUTranslations] = {}
    for file in files("bot").joinpath("locales").iterdir():
        if file.name.endswith(".po"):
            binary = BytesIO()
            language = file.name.removesuffix(".po")
            sentences = read_po(BytesIO(file.read_bytes()), locale=language)
            if Locale.parse(language).text_direction == "rtl":
                _direct(sentences)
            write_mo(binary, sentences)
            binary.seek(0)
            compiled[language] = gettext.GNUTranslations(binary)
    for language, catalog in compiled.items():
        if language != FALLBACK:
            catalog.add_fallback(compiled[FALLBACK])
    return Catalogs(dict(compiled))


def _direct(catalog: Catalog) -> None:
    """Let names in letters of the other direction stand where the sentence has them."""
    for message in catalog:
        if isinstance(message.string, str):
            message.string = right_to_left(message.string) if message.id else message.string
        elif message.string is not None:
            message.string = tuple(right_to_left(form) for form in message.string)

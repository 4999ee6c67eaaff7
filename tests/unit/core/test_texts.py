"""Every sentence, in every language: complete, well-formed, within Telegram's bounds."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from gettext import c2py
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from hypothesis import given, settings
from hypothesis import strategies as st

import bot
from bot.core.texts import Catalogs, load_catalogs

LANGUAGES = ("ar", "de", "en", "es", "fa", "fr", "hi", "id", "it", "pt_BR", "ru", "tr", "uk", "zh_CN")
_TAG = re.compile(r"</?([a-z]+)[^>]*>")
_VALUES: dict[str, str | int] = {
    "user_id": 2**52,
    "name": "N" * 32,
    "channels": "C" * 100,
    "channel": "C" * 40,
    "group": "G" * 128,
    "most": 10,
    "count": 3,
    "line": "x" * 300,
    "time": "1 hour",
    "part": "x" * 40,
    "languages": "xx, " * 14,
    "days": 7,
    "total": 100,
    "names": "N" * 340,
    "joined": 10**6,
    "passed": 10**6,
    "stopped": 10**6,
    "by_event": 10**6,
    "freed": 10**6,
    "waiting": 10**5,
    "unasked": 10**8,
}


@cache
def _catalog(language: str) -> Catalog:
    text = files("bot").joinpath("locales", f"{language}.po").read_bytes()
    return read_po(BytesIO(text), locale=language, abort_invalid=True)


def _sentences(language: str) -> dict[str, tuple[str, ...]]:
    """Return the texts of each key: one, or one for each plural form."""
    found: dict[str, tuple[str, ...]] = {}
    for message in _catalog(language):
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            found[key] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return found


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _tags(text: str) -> Counter[str]:
    return Counter(match.group(1) for match in _TAG.finditer(text))


others = pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
every = pytest.mark.parametrize("language", LANGUAGES)


def test_the_languages_are_these(texts: Catalogs) -> None:
    """A file that nobody expects is not shipped, and none is missing."""
    assert texts.languages == LANGUAGES


@others
def test_nothing_is_left_untranslated(language: str) -> None:
    """Each language has exactly the keys of English, and no empty text."""
    assert _sentences(language).keys() == _sentences("en").keys()
    assert all(all(forms) for forms in _sentences(language).values())


@others
def test_every_placeholder_stays(language: str) -> None:
    """In every form; and none is invented."""
    english = {key: _names(forms[0]) for key, forms in _sentences("en").items()}

    for key, forms in _sentences(language).items():
        assert [_names(form) for form in forms] == [english[key]] * len(forms), key


@others
def test_every_tag_stays(language: str) -> None:
    """What is bold, code or a link in English is so everywhere."""
    english = {key: _tags(forms[0]) for key, forms in _sentences("en").items()}

    for key, forms in _sentences(language).items():
        assert [_tags(form) for form in forms] == [english[key]] * len(forms), key


@every
def test_tags_are_closed_in_order(language: str) -> None:
    """Telegram refuses a message with one that is not, and takes these few only."""
    for key, forms in _sentences(language).items():
        for form in forms:
            standing: list[str] = []
            for match in _TAG.finditer(form):
                assert match.group(1) in {"a", "b", "i", "code"}, key
                if match.group(0).startswith("</"):
                    assert standing.pop() == match.group(1), key
                else:
                    standing.append(match.group(1))
            assert not standing, key
            assert "<" not in _TAG.sub("", form), key


@every
def test_plural_forms_are_complete(language: str) -> None:
    """As many as the language needs for a count of people, each chosen where CLDR says so."""
    catalog = _catalog(language)
    choose, cldr = c2py(catalog.plural_expr), Locale.parse(language).plural_form
    plurals = [forms for key, forms in _sentences(language).items() if len(forms) > 1 or key == "status.on"]

    assert {len(forms) for forms in plurals} == {catalog.num_plurals}
    # One form of ours for each of CLDR's, and the other way round.
    pairs = {(choose(count), cldr(count)) for count in range(1000)}
    assert len(pairs) == len({ours for ours, _ in pairs}) == len({theirs for _, theirs in pairs})
    assert {ours for ours, _ in pairs} == set(range(catalog.num_plurals))


@pytest.mark.parametrize(
    ("language", "count", "part"),
    [
        ("en", 1, "1 person "),
        ("en", 0, "0 people "),
        ("de", 2, "2 Personen "),
        ("ru", 1, "не может писать 1 человек."),
        ("ru", 21, "не может писать 21 человек."),
        ("ru", 3, "не могут писать 3 человека."),
        ("ru", 11, "не могут писать 11 человек."),
        ("uk", 5, "5 людей"),
        ("pt_BR", 0, "0 pessoa "),
        ("ar", 2, "شخصان"),
        ("ar", 5, "5 أشخاص"),
        ("ar", 100, "100 شخص "),
        ("zh_CN", 7, "7 人"),
        ("hi", 1, "1 व्यक्ति "),
        ("hi", 3, "3 लोग "),
    ],
)
def test_numbers_are_said_as_people_say_them(texts: Catalogs, language: str, count: int, part: str) -> None:
    """One, few, many: each language in its own way."""
    assert part in texts.say("status.on", language, count=count, channels="News")


@every
def test_answers_to_presses_fit(texts: Catalogs, language: str) -> None:
    """200 characters, with a list of channels of a hundred: plain text, without tags."""
    for key in _sentences(language):
        if key.startswith(("press.", "wait.")) or key in _may_be_toasts():
            assert not _tags(_sentences(language)[key][0]), key
            assert len(texts.say(key, language, **_VALUES)) <= 200, key


@cache
def _may_be_toasts() -> frozenset[str]:
    """Find the keys that handlers return, name as a toast, or look one up by: an answer to a press takes those."""
    named: list[ast.AST] = []
    for node in _nodes("handlers"):
        if isinstance(node, ast.Call) and _name(node.func) == "toast":
            named += node.args
        elif isinstance(node, ast.Return) or (isinstance(node, ast.Assign) and _name(node.targets[0]) == "toast"):
            # What stands in a call is for the one called.
            called = {each for call in ast.walk(node) if isinstance(call, ast.Call) for each in ast.walk(call)}
            named += set(ast.walk(node)) - called
    return frozenset(set(_sentences("en")) & {str(each.value) for each in named if isinstance(each, ast.Constant)})


def _name(node: ast.expr) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


@every
def test_button_labels_are_short_and_plain(language: str) -> None:
    """A phone shows about thirty characters of one."""
    for key, forms in _sentences(language).items():
        if key.endswith("_button"):
            assert not _tags(forms[0]), key
            assert len(re.sub(r"\{[a-z_]+\}", "", forms[0])) <= 30, key


@every
def test_every_message_fits(texts: Catalogs, language: str) -> None:
    """4096 characters, with the longest names."""
    assert all(len(texts.say(key, language, **_VALUES)) <= 4096 for key in _sentences(language))


@every
def test_commands_are_never_translated(language: str) -> None:
    """They are typed as they are."""
    assert all(f"/{command}" in _sentences(language)["help"][0] for command in ("protect", "unprotect", "status"))
    assert "/protect -1001234567890" in _sentences(language)["protect.usage"][0]


@settings(deadline=None)  # the first example reads the catalogs
@given(name=st.text(max_size=40), channels=st.text(max_size=40), language=st.sampled_from(LANGUAGES))
def test_what_people_typed_cannot_be_markup(name: str, channels: str, language: str) -> None:
    """A name full of tags and braces is shown as it is."""
    said = _texts().say("prompt.mute", language, user_id=7, name=name, channels=channels)

    assert _tags(said) == _tags(_sentences(language)["prompt.mute"][0])


def test_braces_in_a_name_are_not_placeholders(texts: Catalogs) -> None:
    """Values are put in once."""
    said = texts.say("prompt.mute", "en", user_id=7, name="{channels} <b>&", channels="News")

    assert "{channels} &lt;b&gt;&amp;</a>" in said


def test_a_long_toast_is_cut(texts: Catalogs) -> None:
    """Telegram refuses more than 200 characters; and there is no escaping in plain text."""
    toast = texts.toast("press.missing", "en", channels="<" * 500)

    assert len(toast) == 200
    assert toast.endswith("<…")


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        (None, "en"),
        ("", "en"),
        ("en", "en"),
        ("en-GB", "en"),
        ("pt-br", "pt_BR"),
        ("pt", "pt_BR"),
        ("pt-PT", "pt_BR"),
        ("de-AT", "de"),
        ("zh-hans", "zh_CN"),
        ("zh-CN", "zh_CN"),
        ("RU", "ru"),
        ("tlh", "en"),
        ("xx-YY", "en"),
    ],
)
def test_the_nearest_language_is_spoken(texts: Catalogs, asked: str | None, spoken: str) -> None:
    """By Telegram's language codes; what is not spoken is English."""
    assert texts.supported(asked) == spoken


@every
def test_no_key_stands_twice(language: str) -> None:
    """The reader of catalogs would take the last one silently."""
    text = files("bot").joinpath("locales", f"{language}.po").read_text(encoding="utf-8")
    keys = Counter(re.findall(r'^msgid "(.*)"$', text, re.MULTILINE))

    assert [key for key, times in keys.items() if times > 1] == []


@pytest.mark.parametrize("language", ["ar", "fa"])
def test_names_from_the_left_stand_in_lines_from_the_right(texts: Catalogs, language: str) -> None:
    """A Latin name is isolated and drags nothing along; a line that begins with one is read from the right."""
    said = texts.say("prompt.mute", language, user_id=7, name="Sam", channels="GM News!")

    assert "\u2068Sam\u2069" in said
    assert "\u2068GM News!\u2069" in said
    assert said.startswith("\u200f")
    assert '"tg://user?id=7"' in said
    assert "\u2068GM News\u2069" in texts.toast("press.missing", language, channels="GM News")
    assert all(line.startswith("\u200f") for line in texts.say("help", language).split("\n")[:4])


@pytest.mark.parametrize("language", ["ar", "fa"])
def test_what_is_copied_carries_no_marks(texts: Catalogs, language: str) -> None:
    """A line to send elsewhere and the address of a link are as Telegram needs them."""
    assert "<code>/settings a=b</code>" in texts.say("settings.export", language, line="/settings a=b")
    assert '<a href="https://t.me/x">' in texts.say("onboarding.pick", language, group="G", url="https://t.me/x")
    assert "<code>/protect @your_channel</code>" in texts.say("start", language)


@pytest.mark.parametrize("language", ["ar", "fa"])
def test_a_command_keeps_its_slash_before_it(texts: Catalogs, language: str) -> None:
    """Between letters from both sides a slash would be shown behind the word."""
    for key in _sentences(language):
        said = texts.say(key, language, **_VALUES)
        for found in re.finditer(r"<code>|(?<![\w<:/])(?:<b>)?/[a-z]", re.sub(r"<a [^>]*>", "", said)):
            if not (found[0].startswith("/") and said[: found.start()].endswith("<code>")):
                assert "\u200e" + found[0] in said, key


@pytest.mark.parametrize("language", ["en", "hi", "zh_CN"])
def test_lines_from_the_left_need_no_marks(texts: Catalogs, language: str) -> None:
    """They are as they stand in the catalog."""
    assert not set("\u2068\u2069\u200f") & set(texts.say("prompt.mute", language, user_id=7, name="Sam", channels="C"))


def test_a_language_that_lacks_everything_falls_back_to_english(texts: Catalogs) -> None:
    """A group may be set to a language that a later release no longer has."""
    assert texts.say("start", "xx") == texts.say("start", "en")


def test_every_key_in_the_code_is_there_and_none_is_unused() -> None:
    """A key is a string in the code, or fits one that is put together there."""
    keys = set(_sentences("en"))
    heads = {key.split(".")[0] for key in keys if "." in key}
    literal, patterns = set(), []
    for node in _nodes():
        if isinstance(node, ast.JoinedStr):
            patterns.append(_pattern(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            literal.add(node.value)
    used = {key for key in keys if key in literal or any(pattern.fullmatch(key) for pattern in patterns)}
    said = {text for text in literal if re.fullmatch(rf"({'|'.join(sorted(heads))})\.[a-z_.]*[a-z]", text)}

    assert keys - used == set()
    assert {
        text for text in said - keys if text.split(".")[0] in {"press", "prompt", "setup", "settings", "wait"}
    } == set()


SENTENCE = re.compile(r"[^\W\d_]{2,}[,.:]? +[^\W\d_]{2,}")


def test_no_sentence_stands_in_the_code() -> None:
    """What is said in a chat comes from the catalogs; logs, errors and docstrings are for those who run it."""
    found = []
    for package in ("services", "handlers"):
        for path in sorted((Path(bot.__file__).parent / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if package == "handlers" or re.search(r"\b(Outgoing|Texts)\b", text):
                found += [f"{path.name}: {literal}" for literal in _literals(ast.parse(text))]

    assert found == []


def test_a_sentence_in_the_code_would_be_found() -> None:
    """The test above looks at what is sent, put together or passed on, and at nothing else."""
    code = '''"""Not this one."""
log.info("nor", detail="what a log says")
raise ValueError("nor an error")
await telegram.send(chat, f"Hello there, {name}")
text = "Please join" if missing else key
'''

    assert sorted(_literals(ast.parse(code))) == ["Hello there, ", "Please join"]


def _literals(tree: ast.Module) -> list[str]:
    """Return every piece of text with two words in a row that is neither logged, raised nor a docstring."""
    spared: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.AnnAssign) or (
            isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or _logs(node.value))
        ):
            spared |= set(ast.walk(node))
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [str(node.value) for node in texts if node not in spared and SENTENCE.search(str(node.value))]


def _logs(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _name(node.func.value) == "log"


def _nodes(*packages: str) -> Iterator[ast.AST]:
    for package in packages or ("domain", "services", "handlers"):
        for path in (Path(bot.__file__).parent / package).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _pattern(node: ast.JoinedStr) -> re.Pattern[str]:
    parts = (re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[a-z_]+" for part in node.values)
    pattern = "".join(parts)
    # One that is all placeholder, or has no dot of its own, is no key.
    return re.compile(pattern if "\\." in pattern and pattern[0].isalpha() else "(?!)")


@cache
def _texts() -> Catalogs:
    return load_catalogs()

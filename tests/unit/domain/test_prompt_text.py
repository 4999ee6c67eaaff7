"""Admins' own words: checked when they are given, safe when they are filled in."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.prompt_text import LONGEST, PromptTextError, checked, filled

pieces = st.sampled_from(
    ["{name}", "{channels}", "{group}", "{", "}", "{user}", "<b>", "</b>", "<i>", "</i>", "<", ">", "&", "&lt;", "<x>"]
)


def fill(text: str, name: str = "Sam", channels: str = "News", group: str = "Lounge") -> str:
    """Check a text and fill it in."""
    return filled(checked(text), user_id=7, name=name, channels=channels, group=group)


def test_the_name_is_a_mention_and_the_rest_is_filled_in() -> None:
    """Markup that is known stays; an ampersand and a lone sign need no writing down."""
    said = fill("Hi {name} & co, <b>{group}</b> wants you in <i>{channels}</i>: 1 < 2 { really } :{")

    assert said == (
        'Hi <a href="tg://user?id=7">Sam</a> &amp; co, <b>Lounge</b> wants you in <i>News</i>: 1 &lt; 2 { really } :{'
    )


@pytest.mark.parametrize(
    ("text", "key", "part"),
    [
        ("Welcome to {group}!", "text.no_name", None),
        ("{name} {user}", "text.bad_placeholder", "{user}"),
        ("{name} {}", "text.bad_placeholder", "{}"),
        ("{name} {0.__class__}", "text.bad_placeholder", "{0.__class__}"),
        ("<code>{name}</code>", "text.bad_placeholder", "{name}"),
        ('<a href="https://x.example">{name}</a>', "text.bad_placeholder", "{name}"),
        ("{name} <script>", "text.bad_tag", "<script>"),
        ('{name} <a href="javascript:x">x</a>', "text.bad_tag", '<a href="javascript:x">'),
        ('{name} <a href="tg://user?id=1">x</a>', "text.bad_tag", '<a href="tg://user?id=1">'),
        ("{name} <a>x</a>", "text.bad_tag", "<a>"),
        ("{name} <b><b>x</b></b>", "text.bad_tag", "<b>"),
        ("{name} <b>x", "text.unclosed", "<b>"),
        ("{name} <b><i>x</b></i>", "text.unclosed", "</b>"),
        ("{name} x</b>", "text.unclosed", "</b>"),
        ("{name} " + "x" * LONGEST, "text.too_long", None),
    ],
)
def test_what_is_wrong_is_named(text: str, key: str, part: str | None) -> None:
    """With the piece that is wrong, so that the admin finds it."""
    with pytest.raises(PromptTextError) as caught:
        checked(text)

    assert (caught.value.key, caught.value.values.get("part")) == (key, part)


def test_tags_do_not_count() -> None:
    """The bound is for what is seen."""
    text = "<b>" + "x" * (LONGEST - 6) + "</b>{name}"

    assert checked(text) == text


@given(st.lists(pieces), st.text(max_size=20))
def test_whatever_passes_is_well_formed(parts: list[str], name: str) -> None:
    """Every tag is one of ours and closed in order; what people typed never becomes one."""
    try:
        said = fill("{name}" + "".join(parts), name=name, channels=name)
    except PromptTextError:
        return
    standing: list[str] = []
    for tag in re.findall(r"<[^<>]*>", said):
        if tag.startswith("</"):
            assert standing.pop() == tag[2:-1]
        else:
            standing.append(tag[1:-1].split(" ")[0])
    assert standing == []
    assert "<" not in re.sub(r'</?(b|i)>|<a href="tg://user\?id=7">|</a>', "", said)
    assert html.unescape(said).count(name) >= 1


def test_a_text_from_the_right_keeps_latin_names_in_place() -> None:
    """As the catalogs' sentences do."""
    said = fill("{name}، لطفاً عضو {channels} شوید")

    assert said.startswith("\u200f\u2068<a href")
    assert "\u2068News\u2069" in said

"""What a muted member is shown."""

import html
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.texts import Catalogs, load_catalogs
from bot.domain.group import Channel
from bot.domain.ids import ChannelId, TopicId
from bot.domain.policy import Enforcement, Policy
from bot.domain.restriction import Case, mute_until
from bot.services.gate.prompts import VERIFY, preview, prompt, shared_prompt, shorten
from tests.kits.strategies import START, cases
from tests.kits.world import INSIDERS, LOUNGE, NEWS, STRANGER, World


@pytest.fixture
async def case(world: World) -> Case:
    """Return a stranger's case."""
    await world.speak(STRANGER)
    return world.row().case


def test_one_button_per_missing_channel_and_one_to_verify(case: Case, texts: Catalogs) -> None:
    """Each opens its channel; the last verifies whoever presses it."""
    shown = prompt(case, LOUNGE, (NEWS, INSIDERS), texts)

    assert [(row[0].url, row[0].data) for row in shown.buttons] == [
        ("https://t.me/gm_news", None),
        ("https://t.me/+abc", None),
        (None, VERIFY),
    ]


def test_what_one_has_joined_already_is_not_asked_for(case: Case, texts: Catalogs) -> None:
    """Only missing channels have a button; what was asked for and is joined by now is ticked off."""
    shown = prompt(replace(case, prompt_channels=(NEWS, INSIDERS)), LOUNGE, (INSIDERS,), texts)

    assert "Insiders" in shown.text
    assert "✅ News" in shown.text.splitlines()
    assert len(shown.buttons) == 2


def test_a_channel_without_a_link_is_named_without_a_button(case: Case, texts: Catalogs) -> None:
    """A button that leads nowhere would be refused by Telegram."""
    hidden = replace(LOUNGE, channels=(Channel(NEWS, "News", None, None),))

    shown = prompt(case, hidden, (NEWS,), texts)

    assert "News" in shown.text
    assert [row[0].data for row in shown.buttons] == [VERIFY]


def test_names_cannot_bring_their_own_markup(case: Case, texts: Catalogs) -> None:
    """A user called <b> is shown as such, and no link of theirs becomes one."""
    named = replace(case, user_name='<a href="https://evil.example">x</a>')
    group = replace(LOUNGE, channels=(Channel(NEWS, "<b>News & more", "gm_news", None),))

    shown = prompt(named, group, (NEWS,), texts)

    assert '<a href="https://evil' not in shown.text
    assert "&lt;b&gt;News &amp; more" in shown.text
    assert shown.buttons[0][0].text == "Join <b>News & more"


def test_the_prompt_appears_where_the_message_was(case: Case, texts: Catalogs) -> None:
    """In the same topic, in the group's language, and silently."""
    shown = prompt(replace(case, topic_id=TopicId(9)), replace(LOUNGE, language="de"), (NEWS,), texts)

    assert shown.topic_id == 9
    assert shown.silent
    assert shown.text != prompt(case, LOUNGE, (NEWS,), texts).text


def test_the_muted_and_the_deleted_are_told_different_things(case: Case, texts: Catalogs) -> None:
    """Who is muted cannot write; whose messages are removed can, in vain."""
    muted = prompt(replace(case, our_until=mute_until(case.case_id, START)), LOUNGE, (NEWS,), texts)

    assert muted.text != prompt(case, LOUNGE, (NEWS,), texts).text


def test_who_is_to_be_removed_is_told_by_when(case: Case, texts: Catalogs) -> None:
    """In a prompt of one's own, in a crowd's and in the preview; not where nobody is removed."""
    removing = replace(LOUNGE, policy=Policy(enforcement=Enforcement.KICK, kick_minutes=60))
    muted = replace(case, our_until=mute_until(case.case_id, START))
    told = [
        prompt(muted, removing, (NEWS,), texts).text,
        shared_prompt(removing, 3, None, texts).text,
        preview(removing, STRANGER, "Sam", texts).text,
    ]

    assert [text.splitlines()[-1] for text in told] == [
        "Whoever has not joined within 1 h is removed, and may come back."
    ] * 3
    assert "removed" not in prompt(muted, LOUNGE, (NEWS,), texts).text
    assert "within" not in prompt(replace(case, our_until=None), removing, (NEWS,), texts).text


@pytest.mark.parametrize("language", ["en", "fa"])
def test_a_crowd_reads_the_admins_words(texts: Catalogs, language: str) -> None:
    """Nobody is named, so the count stands there; a title is no markup."""
    group = replace(LOUNGE, title="A < B", prompt_text="<b>{group}</b>: {name}, {channels}", language=language)

    shown = shared_prompt(group, 12, TopicId(9), texts)

    assert shown.text.startswith("<b>A &lt; B</b>: ")
    assert "12" in shown.text
    assert "News, Insiders" in shown.text
    assert "tg://user" not in shown.text
    assert shown.buttons == shared_prompt(replace(group, prompt_text=None), 12, None, texts).buttons


@cache
def load_catalogs_once() -> Catalogs:
    """Load the sentences once: hypothesis takes no fixtures."""
    return load_catalogs()


@given(st.text(max_size=200), st.integers(min_value=1, max_value=64))
def test_a_long_name_is_cut_to_one_line(text: str, length: int) -> None:
    """Never empty, never longer, never more than a line."""
    short = shorten(text, length)

    assert 1 <= len(short) <= length
    assert "\n" not in short


def test_a_name_that_fits_is_kept() -> None:
    """Spaces are tidied, the rest stays."""
    assert shorten("  Anna\n  Karenina ", 32) == "Anna Karenina"
    assert shorten("abcdef ghij", 8) == "abcdef…"


@given(cases, st.text(min_size=1, max_size=128), st.sampled_from(["en", "de", "fa", "zh_CN", "xx"]))
def test_a_prompt_is_always_one_that_telegram_takes(case: Case, title: str, language: str) -> None:
    """Whatever the names: text and labels within their bounds, data within 64 bytes."""
    channels = tuple(Channel(ChannelId(-number), title, "some_name", None) for number in range(1, 11))
    group = replace(LOUNGE, channels=channels, language=language)

    shown = prompt(case, group, group.channel_ids, load_catalogs_once())

    assert len(html.unescape(shown.text)) <= 4096
    assert all(0 < len(button.text) <= 64 for row in shown.buttons for button in row)
    assert all(button.data is None or len(button.data.encode()) <= 64 for row in shown.buttons for button in row)

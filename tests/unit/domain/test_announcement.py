"""What operators have a bot say is bounded and cut where a reader would pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.announcement import checked_message, cut
from bot.domain.errors import InvalidInputError, TooLargeError


@pytest.mark.parametrize("text", ["", "   \n\t ", "\x00"])
def test_an_empty_message_is_refused(text: str) -> None:
    """Nothing, or nothing that can be seen."""
    with pytest.raises(InvalidInputError, match="Message cannot be empty") as refused:
        checked_message(text)

    assert refused.value.field == "text"


def test_a_message_of_50_kb_is_refused_and_one_of_10_kb_is_not() -> None:
    """Counted in bytes, so that every script has the same limit on the wire."""
    with pytest.raises(TooLargeError, match=r"Message too long \(limit 10 KB\)"):
        checked_message("x" * 50 * 1024)

    assert len(checked_message("é" * 5 * 1024)) == 5 * 1024


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_nothing_is_lost_but_the_blanks_at_cuts(text: str) -> None:
    """All words arrive, in order, in messages that Telegram takes."""
    parts = cut(text, longest=40)

    assert "".join("".join(part.split()) for part in parts) == "".join(text.split())
    assert all(len(part.encode("utf-16-le")) // 2 <= 40 for part in parts)


def test_a_cut_falls_between_paragraphs_before_lines_sentences_and_words() -> None:
    """The best place in the second half of what fits."""
    assert cut("one two. three\nfour\n\nfive six", longest=24) == ("one two. three\nfour", "five six")
    assert cut("one two three. four five six", longest=20) == ("one two three.", "four five six")
    assert cut("a" * 25, longest=10) == ("a" * 10, "a" * 10, "a" * 5)


def test_an_emoji_is_never_cut_in_two() -> None:
    """It is two of Telegram's units."""
    assert cut("😀" * 5, longest=5) == ("😀😀", "😀😀", "😀")

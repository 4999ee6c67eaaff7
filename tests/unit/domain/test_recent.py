"""Memories that are bounded."""

from bot.domain.recent import Recent


def test_what_was_put_longest_ago_makes_room() -> None:
    """Putting it anew counts, looking at it does not."""
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    recent["a"] = 3
    assert recent["b"] == 2
    recent["c"] = 4

    assert dict(recent) == {"a": 3, "c": 4}

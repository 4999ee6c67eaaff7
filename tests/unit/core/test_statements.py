"""The statements: named text."""

from bot.core.postgres.statements import load_statements


def test_statements_are_named_text() -> None:
    """The contract's names are among them, and none is empty."""
    statements = load_statements()

    assert {"get_protected_group", "get_group_channels"} <= statements.keys()
    assert all(text.rstrip().endswith(";") for text in statements.values())

"""The statements: named text."""

import re

from bot.core.postgres.statements import load_statements


def test_statements_are_named_text() -> None:
    """The contract's names are among them, and none is empty."""
    statements = load_statements()

    assert {"get_protected_group", "get_group_channels"} <= statements.keys()
    assert all(text.rstrip().endswith(";") for text in statements.values())


def test_who_is_alive_is_said_in_one_place() -> None:
    """No statement has a figure of its own for how old a heartbeat may be; `bot.domain.heartbeat` fills all of them."""
    compared = [
        (name, age)
        for name, text in load_statements().items()
        for age in re.findall(r"beat_at\b[^;]*?> now\(\) - (\S+)", text)
    ]

    assert {"claim_update", "beat", "totals", "server_state", "work_state"} <= {name for name, _ in compared}
    assert [(name, age) for name, age in compared if not re.match(r"\$\d::interval", age)] == []

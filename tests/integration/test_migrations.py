"""Migrations against a real PostgreSQL."""

import asyncpg

from bot.core.migrations import BASE, downgrade, read_state, upgrade


async def test_up_down_up(empty_database_url: str) -> None:
    """The schema goes up, down to nothing, and up again."""
    first = await upgrade(empty_database_url)
    nothing = await downgrade(empty_database_url, to=BASE)
    again = await upgrade(empty_database_url)

    assert first == again
    assert first.revision == first.head
    assert nothing.revision is None


async def test_template_is_current(database_url: str) -> None:
    """Tests start from the schema of this release."""
    state = await read_state(database_url)

    assert state.pending == ()
    assert state.min_code == 1


async def test_dropped_tables_are_gone(empty_database_url: str) -> None:
    """Going down leaves nothing but Alembic's own table."""
    await upgrade(empty_database_url)
    await downgrade(empty_database_url, to=BASE)

    connection = await asyncpg.connect(empty_database_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()

    assert [row["tablename"] for row in tables] == ["alembic_version"]

"""Channels have owners who decide; groups have words of their own."""

from alembic import context

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Run migrations/sql/0020_up.sql."""
    context.config.attributes["run_sql"]("0020_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0020_down.sql."""
    context.config.attributes["run_sql"]("0020_down.sql")

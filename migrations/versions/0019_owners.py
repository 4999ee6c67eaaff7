"""Channels have owners who decide; groups have words of their own."""

from alembic import context

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Run migrations/sql/0019_up.sql."""
    context.config.attributes["run_sql"]("0019_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0019_down.sql."""
    context.config.attributes["run_sql"]("0019_down.sql")

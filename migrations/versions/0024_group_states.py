"""Operators look for groups by their state."""

from alembic import context

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Run migrations/sql/0024_up.sql."""
    context.config.attributes["run_sql"]("0024_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0024_down.sql."""
    context.config.attributes["run_sql"]("0024_down.sql")
